"""What the kernel counts by user: a mechanism keeps it apart, and without it another run goes short."""

import pytest

from sandbox import Policy
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.contracts.rules import Rule
from tests.contracts.rules.bystanders import (
    timers_of_one_run_leave_another_its_own,
    watches_of_one_run_leave_another_its_own,
)
from tests.ordinary_user import run_as_ordinary_user


@pytest.mark.slow
@pytest.mark.parametrize("walls", ["two", "one"])
@pytest.mark.parametrize(
    ("rule", "mechanism"),
    [
        (timers_of_one_run_leave_another_its_own, "signals"),
        (watches_of_one_run_leave_another_its_own, "watching"),
    ],
)
async def test_another_run_goes_short_only_without_the_mechanism(
    rule: Rule, mechanism: str, walls: str
) -> None:
    async with open_bubblewrap(Policy(wall_s=60), walls=walls) as box:
        await rule(box)

    async with open_bubblewrap(Policy(wall_s=60), walls=walls, without=frozenset({mechanism})) as box:
        with pytest.raises(AssertionError):
            await rule(box)


@pytest.mark.slow
def test_an_owner_that_may_not_send_descriptors_says_what_to_raise() -> None:
    script = """
import asyncio, resource
from sandbox import Policy, SandboxError
from sandbox.backends.bubblewrap import open_bubblewrap
from tests.contracts.rules.bystanders import descriptors_in_flight_break_no_other_run
async def main():
    resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))
    async with open_bubblewrap(Policy(wall_s=60)) as box:
        try:
            await descriptors_in_flight_break_no_other_run(box)
        except SandboxError as error:
            print(type(error).__name__, error)
asyncio.run(main())
"""
    ended = run_as_ordinary_user(script, timeout_s=100)

    assert ended.stdout.startswith("SandboxBroken"), (ended.stdout, ended.stderr)
    assert "ulimit -Hn" in ended.stdout
