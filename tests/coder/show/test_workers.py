"""Calls of clients wait for a worker in a queue, and only a long one refuses."""

import asyncio

import pytest

from coder.base.errors import Busy
from coder.show.workers import QUEUE_LENGTH, Workers


async def hold(workers: Workers, until: asyncio.Event, done: list[int], number: int) -> None:
    async with workers.one(waits=True):
        await until.wait()
        done.append(number)


async def queue_up(
    workers: Workers, until: asyncio.Event, done: list[int], count: int
) -> list[asyncio.Task[None]]:
    tasks = [asyncio.create_task(hold(workers, until, done, number)) for number in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_calls_beyond_the_workers_wait_and_are_carried_out_in_order() -> None:
    workers, until, done = Workers(2), asyncio.Event(), list[int]()
    tasks = await queue_up(workers, until, done, 5)
    assert workers.are_busy()

    until.set()
    await asyncio.gather(*tasks)

    assert done == [0, 1, 2, 3, 4]
    assert not workers.are_busy()


async def test_only_a_full_queue_refuses_and_a_call_that_is_given_up_leaves_it() -> None:
    workers, until, done = Workers(1), asyncio.Event(), list[int]()
    tasks = await queue_up(workers, until, done, 1 + QUEUE_LENGTH)

    with pytest.raises(Busy, match=f"{QUEUE_LENGTH} calls wait"):
        await hold(workers, until, done, -1)
    tasks[-1].cancel()
    await asyncio.wait([tasks[-1]])
    tasks[-1] = asyncio.create_task(hold(workers, until, done, QUEUE_LENGTH))
    until.set()
    await asyncio.gather(*tasks)

    assert done == [*range(1 + QUEUE_LENGTH)]


async def test_a_call_that_does_not_wait_or_has_waited_too_long_is_refused() -> None:
    workers, until, done = Workers(1, wait_s=0.01), asyncio.Event(), list[int]()
    tasks = await queue_up(workers, until, done, 1)

    with pytest.raises(Busy, match="All workers"):
        async with workers.one(waits=False):
            pass
    with pytest.raises(Busy, match=r"in 0\.01 s"):
        await hold(workers, until, done, -1)
    until.set()
    await asyncio.gather(*tasks)

    assert not workers.are_busy()
