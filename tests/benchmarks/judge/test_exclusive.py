"""Second tries keep a processor each to themselves; other samples go on beside them."""

import asyncio

from benchmarks.judge.exclusive import Exclusive


class Watched:
    """Samples that note how many of them run at once."""

    def __init__(self, turns: Exclusive) -> None:
        self.turns = turns
        self.ended = self.running = self.most = 0

    async def sample(self) -> None:
        async with self.turns.shared():
            self.running += 1
            self.most = max(self.most, self.running)
            await asyncio.sleep(0)
            self.running -= 1
            self.ended += 1


async def test_samples_go_on_beside_a_second_try_but_no_more_than_leave_it_a_processor() -> None:
    watched = Watched(Exclusive(processors=3))

    async with watched.turns.quiet():
        await asyncio.gather(*(watched.sample() for _ in range(9)))
    beside, watched.most = watched.most, 0
    await asyncio.gather(*(watched.sample() for _ in range(9)))

    assert (watched.ended, beside, watched.most) == (18, 2, 9)


async def second_tries(turns: Exclusive, count: int) -> int:
    """How many of them ran at once, at most."""
    running = most = 0

    async def again() -> None:
        nonlocal running, most
        async with turns.quiet():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1

    await asyncio.gather(*(again() for _ in range(count)))
    return most


async def test_second_tries_run_side_by_side_where_nothing_else_is_to_be_done() -> None:
    assert await second_tries(Exclusive(processors=2), 3) == 2


async def test_second_tries_run_one_after_another_while_samples_wait() -> None:
    watched = Watched(Exclusive(processors=2))

    async with watched.turns.shared():
        waiting = asyncio.gather(*(watched.sample() for _ in range(3)))
        most = await second_tries(watched.turns, 3)
    await waiting

    assert (most, watched.ended) == (1, 3)


async def test_a_second_try_waits_until_few_others_run() -> None:
    turns = Exclusive(processors=2)
    events: list[str] = []

    async def again() -> None:
        async with turns.quiet():
            events.append("again")

    async with turns.shared():
        async with turns.shared():
            trying = asyncio.create_task(again())
            await asyncio.sleep(0.01)
            events.append("two ran")
        await trying

    assert events == ["two ran", "again"]


async def test_of_slow_samples_short_ones_run_first_and_half_of_the_processors_are_left_to_others() -> None:
    turns = Exclusive(processors=4)
    order: list[float] = []
    all_wait = asyncio.Event()

    async def slow(seconds: float) -> None:
        async with turns.behind(seconds):
            order.append(seconds)
            await all_wait.wait()

    async with turns.shared():
        both = [asyncio.create_task(slow(seconds)) for seconds in (9, 8)]
        await asyncio.sleep(0.01)
        rest = [asyncio.create_task(slow(seconds)) for seconds in (3, 1, 2)]
        await asyncio.sleep(0.01)
        all_wait.set()
        await asyncio.gather(*both, *rest)

    assert order == [9, 8, 1, 2, 3]
