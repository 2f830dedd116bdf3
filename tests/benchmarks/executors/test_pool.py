"""Jobs over nodes: each outcome once, whatever is lost; bounded lookahead; nothing in flight at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.executors.executor import JobFailed, NoAnswer, NodeLost, failed
from benchmarks.executors.pool import InProcess, NodePool
from coder.base.errors import MachineError
from tests.benchmarks.executors.nodes import Doubling, Number, give_up


async def outcomes(pool: NodePool[Number, int], count: int) -> list[int]:
    async with aclosing(pool.map(map(Number, range(count)))) as mapped:
        return [outcome async for outcome in mapped]


@pytest.mark.slow
@settings(deadline=None, max_examples=150)
@given(
    count=st.integers(0, 60),
    nodes=st.lists(
        st.tuples(st.integers(1, 9), st.integers(1, 5), st.sets(st.integers(1, 6), max_size=2)), min_size=1,
        max_size=4,
    ),
)  # fmt: skip
def test_each_job_has_one_outcome_whatever_nodes_are_lost(
    count: int, nodes: list[tuple[int, int, set[int]]]
) -> None:
    async def run() -> tuple[list[int], NodePool[Number, int]]:
        doubling = [Doubling(f"n{i}", room=r, batch=b, lost_in=lost) for i, (r, b, lost) in enumerate(nodes)]
        jobs = (Number(value, max_tries=99) for value in range(count))
        async with NodePool(doubling, give_up) as pool:
            return [outcome async for outcome in pool.map(jobs)], pool

    doubled, pool = asyncio.run(run())

    assert sorted(doubled) == [2 * value for value in range(count)]
    assert sum(tally.done for tally in pool.tallies) == count
    assert [room._value for room in pool.rooms] == [node.room for node in pool.nodes], "no room is lost"


async def test_the_jobs_of_a_node_that_stays_away_are_done_by_the_others() -> None:
    lost, steady = Doubling("lost", lost_in={2}, returns=0), Doubling("steady")
    async with NodePool([lost, steady], give_up) as pool:
        doubled = await outcomes(pool, 200)
        tally = pool.tallies[0]

    assert sorted(doubled) == [2 * value for value in range(200)]
    assert (tally.lost, tally.is_gone) == (1, True)
    assert tally.retried > 0
    assert len(lost.done) + len(steady.done) == 200, "what had been answered before the loss isn't repeated"


async def test_an_outcome_that_a_node_says_twice_is_counted_once() -> None:
    class Repeats(Doubling):
        async def work(
            self, jobs: Sequence[Number], on_slow: Callable[[str], None]
        ) -> AsyncIterator[tuple[str, int]]:
            for job in jobs:
                yield job.key, 2 * job.value
                yield job.key, 2 * job.value

    async with NodePool([Repeats("a")], give_up) as pool:
        doubled = await outcomes(pool, 20)

    assert sorted(doubled) == [2 * value for value in range(20)]


async def test_a_map_ends_with_an_error_once_all_nodes_are_gone() -> None:
    async with NodePool([Doubling("a", lost_in={1}, returns=0)], give_up) as pool:
        with pytest.raises(MachineError, match="No worker is left of a"):
            await outcomes(pool, 50)


async def test_a_job_under_which_every_node_is_lost_is_given_up() -> None:
    class Poisoned(Doubling):
        async def work(
            self, jobs: Sequence[Number], on_slow: Callable[[str], None]
        ) -> AsyncIterator[tuple[str, int]]:
            for job in jobs:
                if job.value == 13:
                    raise NodeLost("13")
                yield job.key, 2 * job.value

    async with NodePool([Poisoned("a", batch=1), Poisoned("b", batch=1)], give_up) as pool:
        doubled = await outcomes(pool, 30)

    assert sorted(doubled) == sorted([-1, *(2 * value for value in range(30) if value != 13)])


async def test_jobs_are_taken_only_as_there_is_room_and_outcomes_are_read() -> None:
    taken = 0

    def jobs() -> Iterator[Number]:
        nonlocal taken
        for value in range(10_000):
            taken += 1
            yield Number(value)

    nodes = [Doubling("a"), Doubling("b")]
    async with NodePool(nodes, give_up) as pool, aclosing(pool.map(jobs())) as mapped:
        for read in range(1, 1000):
            await anext(mapped)
            assert taken <= read + 6 * pool.room
        assert max(node.most_in_flight for node in nodes) <= 8


async def test_a_map_that_is_closed_early_leaves_nothing_in_flight() -> None:
    node = Doubling("a")
    async with NodePool([node], give_up) as pool:
        async with aclosing(pool.map(map(Number, range(1000)))) as mapped:
            await anext(mapped)
        assert node.in_flight == 0
        assert await outcomes(pool, 3) == [0, 2, 4]
    assert node.is_closed


async def test_jobs_of_one_group_go_to_one_node_while_it_has_room() -> None:
    nodes = [Doubling("a", room=1000), Doubling("b", room=1000)]
    async with NodePool(nodes, give_up) as pool:
        await outcomes(pool, 300)

    groups = [{value % 7 for value in node.done} for node in nodes]
    assert groups[0] | groups[1] == set(range(7))
    assert not groups[0] & groups[1]


async def test_a_slow_job_leaves_its_room_to_the_next_one() -> None:
    release = asyncio.Event()

    class Sleeps:
        async def do(self, job: Number, on_slow: Callable[[], None]) -> int:
            if job.value == 0:
                on_slow()
                await release.wait()
            return 2 * job.value

    async with NodePool([InProcess(Sleeps(), 1)], give_up) as pool:
        doubled = list[int]()
        async for outcome in pool.map(map(Number, range(4))):
            doubled.append(outcome)
            if len(doubled) == 3:
                release.set()

    assert doubled == [2, 4, 6, 0]


class Breaks:
    """Doubles numbers, but raises an error for 13."""

    async def do(self, job: Number, on_slow: Callable[[], None]) -> int:
        if job.value == 13:
            raise ValueError("13 breaks it")
        return 2 * job.value


async def test_what_a_worker_raises_is_the_outcome_of_that_job_alone() -> None:
    failures = list[JobFailed]()

    def note(job: Number, failure: JobFailed) -> int:
        failures.append(failure)
        return -job.value

    async with NodePool([InProcess(Breaks(), 3)], note) as pool:
        doubled = await outcomes(pool, 30)

    assert sorted(doubled) == sorted([-13, *(2 * value for value in range(30) if value != 13)])
    assert [str(failure.error) for failure in failures] == ["13 breaks it"]
    assert "in do\n" in failures[0].trace


async def test_an_error_that_concerns_all_jobs_ends_the_map() -> None:
    def refuse(job: Number, failure: JobFailed) -> int:
        raise failure.error

    async with NodePool([InProcess(Breaks(), 3)], refuse) as pool:
        with pytest.raises(ValueError, match="13 breaks it"):
            await outcomes(pool, 30)


@pytest.mark.parametrize("error", [NodeLost("13"), ValueError("13 can't be sent")])
async def test_a_call_that_one_job_breaks_costs_its_neighbors_nothing(error: Exception) -> None:
    class Poisoned(Doubling):
        async def work(
            self, jobs: Sequence[Number], on_slow: Callable[[str], None]
        ) -> AsyncIterator[tuple[str, int]]:
            if any(job.value == 13 for job in jobs):
                raise error
            for job in jobs:
                yield job.key, 2 * job.value

    async with NodePool([Poisoned("a", batch=16, room=32)], give_up) as pool:
        doubled = await outcomes(pool, 40)

    assert sorted(doubled) == sorted([-1, *(2 * value for value in range(40) if value != 13)])


async def test_a_single_outcome_that_can_not_be_read_is_asked_for_again_and_loses_no_node() -> None:
    class Garbles(Doubling):
        async def work(
            self, jobs: Sequence[Number], on_slow: Callable[[str], None]
        ) -> AsyncIterator[tuple[str, int | JobFailed]]:
            for job in jobs:
                self.calls += job.value == 13
                garbled = job.value == 13 and self.calls < 3
                yield job.key, failed(NodeLost("garbled")) if garbled else 2 * job.value

    async with NodePool([Garbles("a")], give_up) as pool:
        doubled = await outcomes(pool, 30)

    assert sorted(doubled) == [2 * value for value in range(30)]
    assert pool.tallies[0].lost == 0


class Silent(Doubling):
    """A node that gives no job an answer, but says that it is back."""

    async def work(
        self, jobs: Sequence[Number], on_slow: Callable[[str], None]
    ) -> AsyncIterator[tuple[str, int | JobFailed]]:
        for job in jobs:
            yield job.key, failed(NoAnswer("garbled"))


async def test_a_node_that_answers_three_jobs_by_nothing_is_left_out_and_costs_none_of_them() -> None:
    async with NodePool([Silent("proxy"), Doubling("steady")], give_up) as pool:
        doubled = await outcomes(pool, 50)
        gone = [tally.name for tally in pool.tallies if tally.is_gone]

    assert sorted(doubled) == [2 * value for value in range(50)]
    assert gone == ["proxy"]


async def test_a_job_is_repeated_by_a_node_that_has_not_failed_it() -> None:
    class Fails13(Doubling):
        async def work(
            self, jobs: Sequence[Number], on_slow: Callable[[str], None]
        ) -> AsyncIterator[tuple[str, int | JobFailed]]:
            for job in jobs:
                yield job.key, failed(NoAnswer("13")) if job.value == 13 else 2 * job.value

    async with NodePool([Fails13("a"), Doubling("b"), Fails13("c")], give_up) as pool:
        doubled = await outcomes(pool, 200)

    assert sorted(doubled) == [2 * value for value in range(200)]


async def test_a_map_ends_with_an_error_if_no_node_answers() -> None:
    async with NodePool([Silent("a"), Silent("b")], give_up) as pool:
        with pytest.raises(MachineError, match="No worker is left of a, b"):
            await outcomes(pool, 50)
