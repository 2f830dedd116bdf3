"""How a sandbox is opened, which walls this machine lets us build, and what is said where none can be."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import (
    BackendMissing,
    FileRefused,
    Policy,
    PolicyUnmet,
    PythonCode,
    SandboxBroken,
    open_sandbox,
    open_sandbox_sync,
    probe_backends,
)
from sandbox.backends import bubblewrap as backend
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.host.child_maker import namespaces_of, verify
from sandbox.supervisor.surroundings import is_container
from tests.docker_engine import POLICY
from tests.less_machine import no_namespaces, run_behind

WITHOUT_NESTED = """#!/bin/sh
echo started >> {log}
exec {bwrap} --unshare-user --disable-userns "$@"
"""


async def test_an_unknown_backend_is_told_with_the_nearest_names() -> None:
    with pytest.raises(ValueError, match=r"no sandbox backend 'bublewrap'\. Did you mean bubblewrap"):
        async with open_sandbox(backend="bublewrap"):
            pass


@pytest.mark.parametrize("name", ["auto", "bubblewrap", "container", "docker"])
async def test_a_backend_of_this_machine_refuses_a_host(name: str) -> None:
    with pytest.raises(ValueError, match=f"backend {name} takes no host"):
        async with open_sandbox(backend=f"{name}:host"):
            pass


async def test_a_backend_can_be_asked_for_by_its_name() -> None:
    async with open_sandbox(backend="bubblewrap") as box:
        assert (await box.run(PythonCode(source="print(1)"))).ok


@pytest.mark.slow
async def test_every_backend_is_probed_by_running_a_program_in_it() -> None:
    reports = await probe_backends()

    backends = {report.name: report for report in reports}
    assert backends["bubblewrap"].works, backends["bubblewrap"].detail
    assert "a program ran in it" in backends["bubblewrap"].detail
    assert backends["container"].automatic == is_container(os.environ)
    assert {"bubblewrap", "docker"} <= {name for name, report in backends.items() if report.automatic}


@pytest.mark.slow
async def test_without_bubblewrap_the_command_that_installs_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(BackendMissing, match=r"isn't installed.*sudo apt-get install bubblewrap"):
        async with open_sandbox(backend="bubblewrap"):
            pass

    (report,) = [report for report in await probe_backends() if report.name == "bubblewrap"]
    assert not report.works
    assert report.fix == "sudo apt-get install bubblewrap"


_OPENED = """
import asyncio
from sandbox import BackendMissing, open_sandbox
from sandbox.supervisor.surroundings import is_container
async def main():
    async with open_sandbox(backend="bubblewrap"):
        print("open")
try:
    asyncio.run(main())
except BackendMissing as error:
    print(error)
"""


@pytest.mark.slow
def test_a_bubblewrap_that_is_refused_namespaces_is_explained() -> None:
    done = run_behind(no_namespaces(), sys.executable, "-c", _OPENED)

    assert done.stdout.startswith("User namespaces are refused here, and bubblewrap needs them"), done.stderr
    assert "bwrap: Creating new namespace failed" in done.stdout


async def test_a_strict_policy_opens_where_every_guarantee_is_kept() -> None:
    async with open_sandbox(Policy(strict=True)) as box:
        assert all(item.mechanism for item in box.capabilities())


async def test_the_policys_environment_reaches_programs() -> None:
    async with open_sandbox(Policy(environment={"GIVEN": "x", "PYTHONPATH": "/w/lib"})) as box:
        await box.write("lib/theirs.py", b"value = 3")
        result = await box.run(
            PythonCode(source="import os, theirs; print(os.environ['GIVEN'], theirs.value)")
        )

    assert result.stdout == "x 3\n", result.stderr


def test_a_process_with_privileges_is_never_lent() -> None:
    with pytest.raises(SandboxBroken, match="not lent"):
        verify(os.getpid(), apart_from=[namespaces_of("self")], without=frozenset())


def test_a_process_that_shares_a_namespace_is_never_lent() -> None:
    everything = frozenset({"capabilities", "no_new_privs", "seccomp"})

    with pytest.raises(SandboxBroken, match="shares namespaces"):
        verify(os.getpid(), apart_from=[namespaces_of("self")], without=everything)


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A bubblewrap in which no namespace can be made, and that keeps a record of its starts."""
    folder = Path(f"/var/tmp/{tmp_path.name}-{os.getpid()}")  # not /tmp, which the sandbox's uid doesn't see
    folder.mkdir()
    folder.chmod(0o755)
    log = folder / "log"
    log.touch()
    log.chmod(0o666)
    script = folder / "bwrap"
    script.write_text(WITHOUT_NESTED.format(bwrap="/usr/bin/bwrap", log=log))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    yield log
    log.unlink()
    script.unlink()
    folder.rmdir()


@pytest.mark.slow
async def test_where_namespaces_are_refused_inside_each_run_gets_a_wall_of_its_own(narrow: Path) -> None:
    async with open_bubblewrap(Policy()) as box:
        result = await box.run(PythonCode(source="print(1)"))

    mechanisms = {item.guarantee: item.mechanism or "" for item in box.capabilities()}
    assert result.stdout == "1\n", result
    assert "a bubblewrap per run" in mechanisms["other runs"]


@pytest.mark.slow
async def test_what_was_refused_once_is_not_tried_again(narrow: Path) -> None:
    async with open_bubblewrap(Policy()):
        pass
    narrow.write_text("")

    async with open_bubblewrap(Policy(), without=frozenset({"cgroup"})):
        pass

    refused = [walls for _, _, walls in backend._refused]
    assert "two" in refused
    assert "one" not in refused


async def test_another_failure_than_a_refusal_is_no_reason_for_one_wall(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "bwrap").write_text("#!/bin/sh\necho 'bwrap: Unknown option --size' >&2\nexit 1\n")
    (folder / "bwrap").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")

    with pytest.raises(BackendMissing):
        async with open_bubblewrap(Policy()):
            pass

    assert not any(str(folder) in str(which) for which, _, _ in backend._refused)


@pytest.mark.usefixtures("docker_engine")
async def test_without_bubblewrap_auto_is_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    async with open_sandbox(POLICY) as box:
        assert box.backend == "docker"


async def test_where_nothing_works_each_step_says_why_and_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    with pytest.raises(BackendMissing) as failed:
        async with open_sandbox(Policy(python=Path(sys.executable))):  # below a closed home folder
            pass

    first, second = str(failed.value).split("\n", 1)
    assert "sudo apt-get install bubblewrap" in first
    assert second.startswith("Nor can docker be used instead of bubblewrap: ")


async def test_a_backend_that_does_not_meet_the_policy_lets_the_next_one_try(
    narrow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    policy = Policy(network=("example.org",))

    with pytest.raises(PolicyUnmet, match=r"(?s)Hosts can be allowed .*\nNor can docker be used"):
        async with open_sandbox(policy):
            pass


def test_a_caller_without_an_event_loop_has_the_same_sandbox() -> None:
    with open_sandbox_sync(Policy(wall_s=60), backend="bubblewrap") as box:
        box.make_folder("made/by")
        box.write("a", b"")
        box.append("a", b"1")
        with box.session(environment={"X": "2"}) as session:
            server = session.start("while :; do sleep 0.1; done")
            command_result = session.sh('cat a; echo "$X" > b; exit "$X"', wall_s=30)
            ended = server.stop()
            changed = [one.path for one in session.changes().changes]
            listing = [entry.name for entry in session.list()], session.stat("b").size
        box.write_folder("made/copy", [*box.read_folder()])
        result = box.run(PythonCode(source="print(open('made/copy/b').read())"))

    assert (command_result.output, command_result.exit_code, ended.killed_by, server.running) == (
        "1",
        2,
        "cancel",
        False,
    )
    assert (changed, result.stdout, listing) == (["b"], "2\n\n", (["a", "b", "made"], 2))


async def test_the_door_that_waits_works_within_an_event_loop_of_the_callers() -> None:
    with open_sandbox_sync(backend="bubblewrap") as box, pytest.raises(FileRefused):
        box.read("nothing")


def test_what_is_raised_within_the_door_that_waits_comes_out_and_its_thread_ends() -> None:
    before = threading.active_count()
    with pytest.raises(ZeroDivisionError), open_sandbox_sync(backend="bubblewrap"):
        _ = 1 / 0
    with pytest.raises(ValueError, match="no sandbox backend"), open_sandbox_sync(backend="no-such"):
        pass

    assert threading.active_count() == before


async def test_folders_of_the_workspace_are_shown_at_the_root_where_the_policy_names_them() -> None:
    script = (
        "import os; open('/logs/a', 'w').write('1'); print(os.path.realpath('/logs'), os.listdir('/logs'))"
    )
    async with open_sandbox(Policy(at_root=("logs", "tests"))) as box, box.session() as session:
        await session.make_folder("logs")

        result = await session.python(script)

        assert result.output == "/w/logs ['a']\n"
        assert await session.read("logs/a") == b"1"


async def test_folders_at_the_root_have_no_name_of_the_systems_and_need_bubblewrap() -> None:
    with pytest.raises(ValueError, match="/usr"):
        Policy(at_root=("usr",))
    with pytest.raises(PolicyUnmet, match="at the root"):
        async with open_sandbox(Policy(at_root=("logs",)), backend="docker"):
            pass
