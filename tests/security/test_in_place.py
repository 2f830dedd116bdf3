"""Programs that work in place: they may write anywhere, and not reach the processes beside them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import Policy, PolicyUnmet, Session, open_sandbox
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.backends.container import open_in_container
from sandbox.docker.open_docker import open_docker
from sandbox.open import Opener
from sandbox.policy import session_policy
from sandbox.supervisor.surroundings import environment_in_place
from tests.processes import processes_with, wait_until
from tests.system_python import SYSTEM_PYTHON

pytestmark = [pytest.mark.usefixtures("allowed_host"), pytest.mark.slow]
SIGNALS = f"kill -CONT {os.getpid()} 2> /dev/null && echo ESCAPED"
_OWNER = """
import asyncio, sys
from pathlib import Path
from sandbox import Policy
from sandbox.backends.container import open_in_container
from sandbox.policy import session_policy
from tests.system_python import SYSTEM_PYTHON

async def main():
    policy = session_policy(in_place=Path(sys.argv[1]), python=SYSTEM_PYTHON)
    async with open_in_container(policy) as box, box.session() as session:
        await session.sh(f"setsid sh -c 'while :; do sleep 0.1; done' {sys.argv[2]} > /dev/null 2>&1 &")
        print("up", flush=True)
        await asyncio.sleep(600)

asyncio.run(main())
"""
READS = f"head -c 1 /proc/{os.getpid()}/environ 2> /dev/null | grep -q . && echo ESCAPED"


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that the caller's programs work in."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp"))
    yield folder
    shutil.rmtree(folder)


def policy_for(place: Path) -> Policy:
    return session_policy(in_place=place, python=SYSTEM_PYTHON)


async def said(place: Path, script: str, *without: str, landlock: int = 99) -> str:
    policy = policy_for(place)
    async with (
        open_in_container(policy, without=frozenset(without), landlock=landlock) as box,
        box.session() as session,
    ):
        return (await session.sh(script)).output


@pytest.mark.parametrize(
    ("landlock", "without", "is_kept"),
    [(99, (), True), (99, ("landlock",), False), (5, (), False)],
)
async def test_a_command_signals_coder_only_where_landlock_has_no_scope_of_signals(
    place: Path, landlock: int, without: tuple[str, ...], is_kept: bool
) -> None:
    output = await said(place, SIGNALS, *without, landlock=landlock)

    assert output == ("" if is_kept else "ESCAPED\n")


@pytest.mark.parametrize(
    ("landlock", "without", "is_kept"),
    [(0, (), True), (99, (), True), (0, ("ptrace",), False)],
)
async def test_a_command_of_root_reads_the_environment_of_coder_only_with_all_capabilities(
    place: Path, landlock: int, without: tuple[str, ...], is_kept: bool
) -> None:
    output = await said(place, READS, *without, landlock=landlock)

    assert output == ("" if is_kept else "ESCAPED\n")


async def test_a_command_writes_outside_of_the_folder_and_serves_while_the_session_lasts(place: Path) -> None:
    outside = place.with_name(f"{place.name}-outside")
    tag = f"tag-{os.urandom(8).hex()}"
    served = (
        f"echo 1 > {outside}; mkdir {tag}; python3 -m http.server 0 --directory {tag} > log 2>&1 & "
        "until grep -qs 'port [0-9]' log; do sleep 0.05; done; grep -o 'port [0-9]*' log"
    )
    asks = 'python3 -c "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).status)"'
    try:
        async with open_in_container(policy_for(place)) as box, box.session() as session:
            port = (await session.sh(served)).output.split()[1]
            answered = await session.sh(f"{asks} http://127.0.0.1:{port}/")
            directory = (await session.sh("pwd -P; echo $HOME")).output.split()

        assert answered.output == "200\n"
        assert directory == [str(place), os.environ["HOME"]]
        assert outside.read_text() == "1\n"
    finally:
        outside.unlink(missing_ok=True)
        end(processes_with(tag))  # in place, what a command left goes on


async def test_the_folder_keeps_its_files_and_permissions_when_the_sandbox_closes(place: Path) -> None:
    place.chmod(0o755)
    (place / "kept.txt").write_text("before\n")
    tag = f"tag-{os.urandom(8).hex()}"
    async with open_in_container(policy_for(place)) as box, box.session() as session:
        await start_daemon(session, tag)
        await session.write("written.txt", b"after\n")
        changed = [change.path for change in (await session.changes()).changes]
        with pytest.raises(PolicyUnmet, match="would lose its files"):
            await box.lay({"other.txt": b""})

    assert changed == ["up", "written.txt"]
    assert {path.name for path in place.iterdir()} == {"kept.txt", "written.txt", "up"}
    assert place.stat().st_mode & 0o777 == 0o755
    end(processes_with(tag))


@pytest.mark.parametrize("detached", ["nohup", "setsid", "setsid --fork"])
async def test_what_commands_left_running_lives_on_after_the_session(place: Path, detached: str) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    async with open_in_container(policy_for(place)) as box, box.session() as session:
        await start_daemon(session, tag, detached)

    alive = processes_with(tag)
    (place / "up").unlink()
    try:
        assert wait_until((place / "up").exists)
    finally:
        end(alive)


async def fail_with_a_daemon(place: Path, tag: str) -> None:
    """End a session by an error, while a process of its runs."""
    async with open_in_container(policy_for(place)) as box, box.session() as session:
        await start_daemon(session, tag, "setsid")
        raise ValueError("an error of the caller")


async def test_a_session_that_ends_by_an_error_leaves_nothing_running(place: Path) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    with pytest.raises(ValueError, match="an error"):
        await fail_with_a_daemon(place, tag)

    assert processes_with(tag) == []


def test_nothing_is_left_once_coder_is_killed_in_place(place: Path) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    owner = subprocess.Popen([sys.executable, "-c", _OWNER, str(place), tag], stdout=subprocess.PIPE)
    assert owner.stdout is not None
    assert owner.stdout.readline() == b"up\n"
    assert processes_with(tag)

    owner.kill()
    owner.wait()

    assert wait_until(lambda: not [pid for pid in processes_with(tag) if pid != owner.pid])


def end(pids: list[int]) -> None:
    """Kill processes that a test left on purpose, and see that there were some."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


async def start_daemon(session: Session, tag: str, detached: str = "setsid") -> None:
    """Start a process that belongs to no command any more."""
    loop = "while :; do : > up; sleep 0.1; done"
    await session.sh(f"{detached} sh -c '{loop}' {tag} > /dev/null 2>&1 &")
    await session.sh("until [ -e up ]; do sleep 0.01; done")
    assert processes_with(tag)


def test_of_our_variables_commands_get_those_that_name_existing_paths() -> None:
    own = {
        "PATH": "/usr/bin:/missing",
        "JAVA_HOME": "/usr",
        "OPENAI_API_KEY": "sk-1",
        "TOKEN": "/no/such/place",
    }

    assert environment_in_place(own, None, "/own/bin") == {
        "JAVA_HOME": "/usr",
        "PATH": "/usr/bin:/missing:/own/bin",
    }


@pytest.mark.parametrize("backend", ["bubblewrap", "docker"])
async def test_a_backend_that_has_walls_of_its_own_does_not_work_in_place(place: Path, backend: str) -> None:
    with pytest.raises(PolicyUnmet, match="can't work in place; container can"):
        async with open_sandbox(policy_for(place), backend=backend):
            pass


async def test_auto_opens_the_container_in_place(place: Path) -> None:
    async with open_sandbox(policy_for(place)) as box:
        unkept = {item.guarantee for item in box.capabilities() if item.enforcement == "none"}

    assert box.backend == "container"
    assert {"host files", "network", "other sandboxes", "privileges", "system calls"} <= unkept


@pytest.mark.parametrize("opener", [open_bubblewrap, open_docker])
async def test_a_backend_with_a_workspace_of_its_own_refuses_to_work_in_place(
    opener: Opener, place: Path
) -> None:
    with pytest.raises(PolicyUnmet, match="can't work in place"):
        async with opener(policy_for(place)):
            pass
