"""Which walls this machine lets us build is found out by building them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import BackendMissing, Policy, PolicyUnmet, PythonCode, open_sandbox
from sandbox.backends import bubblewrap as backend
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.docker_engine import POLICY, require_docker

WITHOUT_NESTED = """#!/bin/sh
echo started >> {log}
exec {bwrap} --unshare-user --disable-userns "$@"
"""


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


async def test_where_namespaces_are_refused_inside_each_run_gets_a_wall_of_its_own(narrow: Path) -> None:
    async with open_bubblewrap(Policy()) as box:
        result = await box.run(PythonCode(source="print(1)"))

    told = {item.guarantee: item.mechanism or "" for item in box.capabilities()}
    assert result.stdout == "1\n", result
    assert "a bubblewrap per run" in told["other runs"]


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


async def test_without_bubblewrap_auto_is_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    await require_docker()
    monkeypatch.setenv("PATH", "/nonexistent")

    async with open_sandbox(POLICY) as box:
        assert box.backend == "docker"


async def test_where_nothing_works_each_step_says_why_and_what_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")

    with pytest.raises(BackendMissing) as failed:
        async with open_sandbox():
            pass

    first, second = str(failed.value).split("\n", 1)
    assert "sudo apt-get install bubblewrap" in first
    assert second.startswith("Nor can docker be used instead of bubblewrap: ")


async def test_a_backend_that_does_not_meet_the_policy_lets_the_next_one_try(
    narrow: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    policy = Policy(network=("example.org",))

    with pytest.raises(PolicyUnmet, match=r"Hosts can be allowed .*\nNor can docker be used"):
        async with open_sandbox(policy):
            pass
