"""Programs on a host behind ssh: what is there, what isn't, and what is left after a connection."""

import asyncio
import os
import signal
import sys
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sandbox import BackendMissing, Command, Policy, PolicyUnmet, PythonCode, SandboxBroken, open_sandbox
from sandbox.backends.ssh import open_ssh
from tests.processes import SLEEPS, below, processes_with, wait_until
from tests.ssh_host import HOST, ssh_host

BACKEND = f"ssh:{HOST}"
ROOMY = Policy(wall_s=60)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def host() -> Iterator[None]:
    with ssh_host():
        yield


async def test_programs_sessions_and_files_are_on_the_host(host: None) -> None:
    async with open_sandbox(ROOMY, backend=BACKEND) as box:
        await box.write("given", b"1")
        run = await box.run(PythonCode(source="import os; print(open('given').read(), os.getuid())"))
        fresh = await box.run(Command(argv=("sh", "-c", "echo 2 > made")), fresh=True)
        async with box.session() as session:
            command = await session.sh(f"cat given; sleep 1000 & {SLEEPS}; echo 3 > made")
            changes = (await session.changes()).changes

    assert run.stdout == f"1 {os.geteuid() or 65534}\n"
    assert [one.content for one in fresh.artifacts] == [b"2\n"]
    assert (command.output, [one.command for one in command.still_running]) == ("1", ["sleep 1000"])
    assert [(one.path, one.content) for one in changes] == [("made", b"3\n")]


@pytest.mark.parametrize("kept", ["owner", "connection"])
async def test_nothing_is_left_on_the_host_after_a_kill(host: None, kept: str) -> None:
    tag = f"tag-{uuid.uuid4().hex}"
    script = f"""
import asyncio, os
from sandbox import Policy, open_sandbox
async def main():
    async with open_sandbox(Policy(wall_s=600), backend={BACKEND!r}) as box, box.session() as session:
        await session.start("exec sh -c 'sleep 1000; true' " + os.environ["TAG"])
        print("on", flush=True)
        await asyncio.sleep(1000)
asyncio.run(main())
"""
    owner = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        script,
        cwd=Path(__file__).parents[3],
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "TAG": tag},
    )
    assert owner.stdout is not None
    assert await owner.stdout.readline() == b"on\n"
    assert await asyncio.to_thread(wait_until, lambda: bool(processes_with(tag)))
    if kept == "owner":
        (client,) = [pid for pid in processes_with(HOST) if _parent_of(pid) == owner.pid]
        os.kill(client, signal.SIGKILL)
    else:
        owner.kill()

    assert await asyncio.to_thread(wait_until, lambda: not processes_with(tag))

    if kept == "owner":
        owner.kill()
    await owner.wait()


async def test_a_command_whose_connection_is_cut_says_that_its_state_is_lost() -> None:
    with ssh_host() as server:
        async with open_sandbox(ROOMY, backend=BACKEND) as box, box.session() as session:
            command = asyncio.ensure_future(session.sh("sleep 1000", wall_s=1000))
            await session.sh("true")
            for pid in below(server.pid):
                with suppress(ProcessLookupError):  # its parent's end was its own
                    os.kill(pid, signal.SIGKILL)

            result = await asyncio.wait_for(command, 300)
            with pytest.raises(SandboxBroken):
                await session.sh("true")

    assert (result.status, result.state_lost) == ("killed", True)


@pytest.mark.parametrize("name", ["", "-oProxyCommand=touch x", "a b", "a;b", "$(id)"])
async def test_what_is_no_host_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no host"):
        async with open_sandbox(backend=f"ssh:{name}" if name else "ssh"):
            pass


async def test_a_host_that_is_not_there_says_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_SSH", "ssh -F none -p 1")

    with pytest.raises(BackendMissing, match=r"needs bubblewrap.*Connection refused"):
        async with open_sandbox(backend="ssh:127.0.0.1"):
            pass


async def test_without_a_client_of_ssh_the_backend_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_SSH", "no-such-client")

    with pytest.raises(BackendMissing, match="Install an ssh client"):
        async with open_sandbox(backend="ssh:host"):
            pass


@pytest.mark.parametrize(
    "lacking", [{"folders": {"a": Path("/usr")}}, {"strict": True}], ids=["folders", "strict"]
)
async def test_what_a_host_does_not_keep_is_refused(host: None, lacking: dict[str, object]) -> None:
    with pytest.raises(PolicyUnmet):
        async with open_sandbox(ROOMY.model_copy(update=lacking), backend=BACKEND):
            pass


def _parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


async def test_no_program_has_a_module_of_its_own_imported_by_what_makes_the_others(host: None) -> None:
    checker_folder = "/opt/lib/sandbox/inner/checker"
    attack = f"""
import os, shutil
shutil.rmtree({f"{checker_folder}/__pycache__"!r}, ignore_errors=True)
open({f"{checker_folder}/checker.py"!r}, "w").write("open('/w/imported', 'w')")
print("replaced")
"""

    async with open_ssh(ROOMY, host=HOST, without=frozenset({"landlock"})) as box:
        replaced = await box.run(PythonCode(source=attack))
        for _ in range(4):
            await box.run(PythonCode(source="1"))

        assert replaced.stdout == "replaced\n"
        assert not await box.list(".")
