"""When the sandboxes of a run are opened, and who waits for that."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from coder.base.text.redact import Redactor
from coder.environment.workbench import Workbench
from sandbox import BackendMissing, Policy, Sandbox, open_sandbox


class Door:
    """Opens sandboxes while it is open; else they wait, or fail."""

    def __init__(self) -> None:
        self.is_open, self.fails = asyncio.Event(), False
        self.opened = 0
        self.is_open.set()

    @asynccontextmanager
    async def open(self, policy: Policy) -> AsyncIterator[Sandbox]:
        """Open one."""
        await self.is_open.wait()
        if self.fails:
            raise BackendMissing("gone")
        async with open_sandbox(policy) as sandbox:
            self.opened += 1
            yield sandbox


def bench_of(door: Door, files: int, *, backend: str | None = "auto") -> Workbench:
    """A workbench of a policy that no other test has."""
    return Workbench(Policy(files=files), door.open, redactor=Redactor(), backend=backend)


async def test_a_sandbox_opens_beside_the_work_where_its_process_has_opened_one_before() -> None:
    door = Door()
    async with bench_of(door, 1001) as first:
        await first.open("candidate")
        assert door.opened == 1
    door.is_open.clear()

    async with bench_of(door, 1001) as bench:
        await bench.open("candidate")
        assert door.opened == 1
        door.is_open.set()

        assert (await bench.candidate()).backend in ("bubblewrap", "docker")


@pytest.mark.parametrize("backend", ["auto", None], ids=["first of its kind", "opener of the caller"])
async def test_a_sandbox_that_is_not_known_to_open_is_waited_for(backend: str | None) -> None:
    door = Door()
    if backend is None:
        async with bench_of(door, 1002, backend=None) as before:
            await before.open("candidate")
    door.fails = True

    async with bench_of(door, 1002, backend=backend) as bench:
        with pytest.raises(BackendMissing):
            await bench.open("candidate")


async def test_a_sandbox_that_fails_beside_the_work_fails_where_it_is_needed() -> None:
    door = Door()
    async with bench_of(door, 1003) as first:
        await first.open("candidate")
    door.fails = True

    async with bench_of(door, 1003) as bench:
        await bench.open("candidate")
        with pytest.raises(BackendMissing):
            await bench.candidate()


async def test_a_workbench_closes_while_its_sandbox_is_still_opening() -> None:
    door = Door()
    async with bench_of(door, 1004) as first:
        await first.open("candidate")
    door.is_open.clear()

    async with bench_of(door, 1004) as bench:
        await bench.open("candidate")

    assert door.opened == 1
