"""The contract of `Sandbox` where every run has a bubblewrap of its own, as root and as an ordinary user."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.contracts.kept_open import KeptOpen
from tests.contracts.rules import CONTRACT, Rule
from tests.contracts.test_sandbox import COUNTED
from tests.ordinary_user import run_as_ordinary_user

NOT_AS_ORDINARY_USER = {
    "the_disk_is_bounded": "no mount of theirs can outlast a run: the workspace is a folder, and sampled",
    "the_disk_of_a_fresh_run_is_bounded": "bubblewrap gives a tmpfs a size and no number of files: sampled",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def one_wall() -> AsyncIterator[KeptOpen]:
    kept = KeptOpen(lambda: open_bubblewrap(Policy(wall_s=60), walls="one"))
    yield kept
    await kept.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def uncounted() -> AsyncIterator[KeptOpen]:
    without = frozenset({"cgroup"})
    kept = KeptOpen(lambda: open_bubblewrap(Policy(wall_s=60), without=without, walls="one"))
    yield kept
    await kept.close()


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("rule", CONTRACT, ids=lambda rule: rule.__name__)
async def test_one_bubblewrap_a_run(one_wall: KeptOpen, rule: Rule) -> None:
    await one_wall.check(rule)


@pytest.mark.slow
@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("rule", COUNTED, ids=lambda rule: rule.__name__)
async def test_one_bubblewrap_a_run_without_cgroups(uncounted: KeptOpen, rule: Rule) -> None:
    await uncounted.check(rule)


@pytest.mark.slow
@pytest.mark.timeout(1000)
def test_one_bubblewrap_a_run_as_an_ordinary_user() -> None:
    script = f"""
import asyncio, os
from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.contracts.kept_open import KeptOpen
from tests.contracts.rules import CONTRACT
async def main():
    kept = KeptOpen(lambda: open_bubblewrap(Policy(wall_s=60), walls="one"))
    for rule in CONTRACT:
        if rule.__name__ not in {set(NOT_AS_ORDINARY_USER)}:
            await asyncio.wait_for(kept.check(rule), 300)
    await kept.close()
    print([name for name in os.listdir("/tmp") if name.startswith("coder")])
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=900)

    assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-4000:]
    assert ended.stdout == "[]\n"


@pytest.mark.slow
def test_a_workspace_that_a_program_has_closed_is_open_to_the_next_one() -> None:
    script = """
import asyncio
from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
async def main():
    async with open_bubblewrap(Policy(), walls="one") as box:
        await box.run(PythonCode(source="import os; os.chmod('.', 0)"))
        for _ in range(5):  # more than were made before
            print((await box.run(PythonCode(source="print('ran')"))).stdout, end="")
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "ran\n" * 5, ended.stderr


FILLS = "for i in range(1000): open(str(i), 'wb').write(bytes(1 << 20))\nimport time; time.sleep(600)"
MANY = "for i in range(1000): open(str(i), 'w').close()\nimport time; time.sleep(600)"


@pytest.mark.slow
def test_what_no_mount_of_an_ordinary_user_keeps_ends_the_run() -> None:
    script = f"""
import asyncio, os
from sandbox import Policy, PythonCode
from sandbox.backends.bubblewrap import open_bubblewrap
async def main():
    async with open_bubblewrap(Policy(disk_mb=32, files=200, wall_s=120), walls="one") as box:
        for source, fresh in (({FILLS!r}, False), ({MANY!r}, False), ({MANY!r}, True)):
            await box.remove(".")
            result = await box.run(PythonCode(source=source), fresh=fresh)
            print(result.status, result.killed_by)
        print(*(item.guarantee for item in box.capabilities() if item.enforcement == "sampled"))
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=300)

    assert ended.stdout == "killed disk\n" * 3 + "memory disk files\n", ended.stderr
