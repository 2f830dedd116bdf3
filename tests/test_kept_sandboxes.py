"""Nothing that one test leaves in a kept sandbox is there for the next."""

import pytest

from sandbox import Policy, PythonCode, SandboxBroken
from tests.kept_sandboxes import KEPT
from tests.sandbox_pool import MOST_IDLE, open_kept

pytestmark = KEPT
_LEAVES = """
import os, subprocess
os.makedirs("deep/er")
for path in ("file", "deep/er/file", "/tmp/left", "/dev/shm/left"):
    open(path, "w").write("left")
os.symlink("/etc/passwd", "link")
subprocess.Popen(["sleep", "999"], start_new_session=True)
print(sorted(os.listdir(".")))
os.chmod("deep", 0)
os.chmod(".", 0)
"""
_LOOKS = """
import os
print(os.listdir("."), os.listdir("/tmp"), os.listdir("/dev/shm"))
processes = [open(f"/proc/{pid}/cmdline", "rb").read() for pid in os.listdir("/proc") if pid.isdigit()]
print(sum(b"999" in words for words in processes))
open("own", "w").close()
"""


def _policy(wall_s: float) -> Policy:
    """A policy that no other test has."""
    return Policy(wall_s=wall_s)


async def test_a_sandbox_is_lent_again_without_what_a_program_has_left() -> None:
    async with open_kept(_policy(31)) as first:
        keeper = first.keeper
        littering = await first.run(PythonCode(source=_LEAVES))
        assert littering.exit_code == 0, littering.stderr
        assert littering.stdout == "['deep', 'file', 'link']\n"

    async with open_kept(_policy(31)) as second:
        assert second.keeper == keeper
        assert await second.list(".") == ()
        listing = await second.run(PythonCode(source=_LOOKS))

    assert listing.stdout == "[] [] []\n0\n", listing.stderr


async def test_what_a_session_has_left_is_gone_with_it() -> None:
    async with open_kept(_policy(32)) as first, first.session() as session:
        keeper = first.keeper
        await session.sh("sleep 999 & echo left > file; echo left > ~/file")

    async with open_kept(_policy(32)) as second, second.session() as session:
        assert second.keeper == keeper
        listing = await session.sh("ls -A . /tmp ~ | grep -w file; pgrep -f 'sleep 999'")

    assert listing.output == ""


async def test_another_policy_has_another_sandbox() -> None:
    async with open_kept(_policy(33)) as first:
        keeper = first.keeper

    async with open_kept(_policy(34)) as second:
        assert second.keeper != keeper


@pytest.mark.slow
async def test_a_sandbox_in_which_something_still_runs_is_closed() -> None:
    async with open_kept(_policy(35)) as first:
        keeper = first.keeper
        await first.session().__aenter__()

    async with open_kept(_policy(35)) as second:
        assert second.keeper != keeper


async def test_a_sandbox_of_a_test_that_failed_is_closed() -> None:
    async def fail() -> None:
        nonlocal keeper
        async with open_kept(_policy(36)) as first:
            keeper = first.keeper
            raise ZeroDivisionError

    keeper = 0
    with pytest.raises(ZeroDivisionError):
        await fail()

    async with open_kept(_policy(36)) as second:
        assert second.keeper != keeper


async def test_whoever_had_a_sandbox_can_use_it_no_more() -> None:
    async with open_kept(_policy(37)) as first:
        pass

    with pytest.raises(SandboxBroken):
        await first.run(PythonCode(source="1"))
    with pytest.raises(SandboxBroken):
        await first.write("file", b"")


@pytest.fixture
async def fixture_on_another_loop() -> None:
    """A fixture that no test with kept sandboxes can have."""


@pytest.mark.parametrize("name", ["fixture_on_another_loop", "box"])
def test_a_fixture_on_another_loop_is_refused(name: str, request: pytest.FixtureRequest) -> None:
    for _ in range(2):  # of which the second can be another test's
        with pytest.raises(pytest.fail.Exception, match=f"{name} needs .*loop_scope"):
            request.getfixturevalue(name)


@pytest.mark.slow
async def test_only_the_latest_are_kept() -> None:
    keepers = []
    for wall_s in (38, *range(50, 50 + MOST_IDLE), 38):
        async with open_kept(_policy(wall_s)) as box:
            keepers.append(box.keeper)

    assert keepers[-1] != keepers[0]
