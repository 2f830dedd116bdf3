"""Hostile commands of a session without a pid namespace, and what they try against its agent and reaper."""

import asyncio
import os

import pytest

from sandbox import Policy, Session
from sandbox.backends.container import open_in_container
from tests.growing_limits import growing_limits
from tests.processes import processes_with, wait_until
from tests.system_python import SYSTEM_PYTHON

pytestmark = [pytest.mark.usefixtures("allowed_host"), pytest.mark.slow]
POLICY = Policy(python=SYSTEM_PYTHON, wall_s=60, processes=60)
REAPER = "$(cut -d ' ' -f 4 /proc/$PPID/stat)"
"""The parent of the agent, which is the parent of a command."""


async def start_daemon(session: Session, tag: str) -> None:
    """Start a process that belongs to no command any more."""
    await session.sh(f"setsid sh -c ': > up; while :; do sleep 0.1; done' {tag} > /dev/null 2>&1 &")
    await session.sh("until [ -e up ]; do sleep 0.01; done")
    assert processes_with(tag)


@pytest.mark.parametrize(
    "attack", ["kill -9 $PPID; sleep 900", "kill -9 -1; sleep 900", "kill -STOP $PPID; sleep 900"]
)
async def test_an_agent_that_a_command_ends_is_replaced_and_the_workspace_kept(attack: str) -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    async with open_in_container(POLICY) as box, box.session() as session:
        await start_daemon(session, tag)

        for wall_s in growing_limits(3):
            lost = await session.sh(f"echo 1 > kept; {attack}", wall_s=wall_s)
            if lost.state_lost:
                break
        after = await session.sh("cat kept")

        assert (lost.state_lost, after.output, after.state_lost) == (True, "1\n", False)
        assert await asyncio.to_thread(wait_until, lambda: processes_with(tag) == [])


@pytest.mark.parametrize(("landlock", "said"), [(99, "refused\n"), (0, "")])
async def test_a_command_signals_the_reaper_of_its_session_only_where_landlock_is_too_old(
    landlock: int, said: str
) -> None:
    async with open_in_container(POLICY, landlock=landlock) as box, box.session() as session:
        result = await session.sh(f"kill -CONT {REAPER} 2> /dev/null || echo refused")

    assert result.output == said


async def test_a_reaper_that_a_command_stops_is_killed_and_nothing_is_left() -> None:
    tag = f"tag-{os.urandom(8).hex()}"
    async with open_in_container(POLICY, landlock=0) as box:
        async with box.session() as session:
            await start_daemon(session, tag)
            await session.sh(f"(while :; do kill -STOP {REAPER}; done) > /dev/null 2>&1 &")

        assert await asyncio.to_thread(wait_until, lambda: processes_with(tag) == [])


async def test_killing_pythons_by_their_name_does_not_end_the_agent() -> None:
    async with open_in_container(POLICY) as box, box.session() as session:
        result = await session.sh(
            "sleep 60 & for pid in $(grep -l '^python3' /proc/[0-9]*/comm 2> /dev/null "
            "| cut -d / -f 3); do kill -9 $pid; done 2> /dev/null; echo alive"
        )

    assert (result.output, result.state_lost) == ("alive\n", False)
