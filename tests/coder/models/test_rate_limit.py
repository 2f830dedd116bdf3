"""Lanes that the runs of one process share."""

import asyncio
from time import monotonic

import pytest

from coder.base.errors import RateLimited
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Patience, RateLimits
from coder.models.model import Sampling
from coder.models.retries import Lane
from tests.coder.models.asking import QUESTION, QUICK, ask, endpoint_of
from tests.faulty_endpoint import FaultyEndpoint, Reply, begins, error, faulty_endpoint, hangs, says


async def crowd(server: FaultyEndpoint, calls: int, *, limits: RateLimits) -> None:
    """So many calls at once, each by a model of its own."""
    async with asyncio.TaskGroup() as group:
        for _ in range(calls):
            group.create_task(ask(server, limits=limits))


async def test_runs_of_one_process_together_ask_no_more_at_once_than_allowed() -> None:
    with faulty_endpoint(hangs()) as server:
        asking = asyncio.create_task(crowd(server, 6, limits=RateLimits(concurrency=2)))
        two = await asyncio.to_thread(server.wait_until, lambda seen: seen.busy == 2)
        three = await asyncio.to_thread(server.wait_until, lambda seen: seen.busy == 3, timeout_s=0.3)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    assert (two, three) == (True, False)


async def test_a_place_that_is_free_again_is_taken() -> None:
    with faulty_endpoint(says("hello")) as server:
        await crowd(server, 6, limits=RateLimits(concurrency=2))

    assert len(server.requests) == 6


async def test_without_a_limit_they_ask_all_at_once() -> None:
    with faulty_endpoint(hangs()) as server:
        asking = asyncio.create_task(crowd(server, 6, limits=RateLimits()))
        all_at_once = await asyncio.to_thread(server.wait_until, lambda seen: seen.busy == 6)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)

    assert all_at_once


async def test_calls_keep_the_distance_of_their_rate() -> None:
    began = monotonic()

    with faulty_endpoint(says("hello")) as server:
        await crowd(server, 4, limits=RateLimits(requests_per_minute=600))

    # Three distances of 60 s / 600.
    assert monotonic() - began >= 0.3


async def test_a_place_goes_to_the_next_when_one_who_waits_gives_up() -> None:
    lane = Lane(RateLimits(concurrency=1))
    got: list[str] = []

    async def take(name: str) -> None:
        async with lane.slot():
            got.append(name)

    async with lane.slot():
        waiting = [asyncio.create_task(take(name)) for name in ("a", "b")]
        await asyncio.sleep(0)
        waiting[0].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    async with asyncio.timeout(300), lane.slot():
        got.append("c")

    assert got == ["b", "c"]


def test_a_lane_serves_one_event_loop_after_the_other() -> None:
    lane = Lane(RateLimits(concurrency=1))

    async def use() -> None:
        async with asyncio.timeout(300), lane.slot():
            return

    for _ in range(3):
        asyncio.run(use())


async def test_a_limit_that_one_run_was_told_of_is_kept_by_the_others() -> None:
    later = error(429, "slow down", {"retry-after": "3600"})

    with faulty_endpoint(later, says("hello")) as server:
        for _ in range(2):
            with pytest.raises(RateLimited):
                await ask(server, patience=Patience(deadline_s=5))

    assert len(server.requests) == 1


async def test_of_two_limits_of_one_address_and_key_the_stricter_holds_for_all_calls() -> None:
    with faulty_endpoint(hangs()) as server:
        limits = (RateLimits(concurrency=2), RateLimits(concurrency=5), RateLimits())
        asking = [asyncio.create_task(crowd(server, 3, limits=each)) for each in limits]
        two = await asyncio.to_thread(server.wait_until, lambda seen: seen.busy >= 2)
        more = await asyncio.to_thread(server.wait_until, lambda seen: seen.busy > 2, timeout_s=0.3)
        for crowded in asking:
            crowded.cancel()
        await asyncio.gather(*asking, return_exceptions=True)

    assert (two, more) == (True, False)


async def test_a_rest_that_one_endpoint_is_asked_for_is_kept_whatever_the_limits_of_another_are() -> None:
    with faulty_endpoint(error(429, "slow down", {"retry-after": "3600"}), says("hello")) as server:
        for limits in (RateLimits(), RateLimits(concurrency=5), RateLimits(requests_per_minute=600)):
            with pytest.raises(RateLimited):
                await ask(server, patience=Patience(deadline_s=5), limits=limits)

    assert len(server.requests) == 1


async def test_who_is_interrupted_in_the_middle_of_an_answer_leaves_no_socket() -> None:
    with faulty_endpoint(begins("hello ", "there ", "you", ending="hang")) as server:
        first_token = asyncio.Event()
        async with ChatModel(endpoint_of(server)) as model:
            asking = asyncio.create_task(
                model.answer(QUESTION, sampling=Sampling(), on_token=lambda token: first_token.set())
            )
            await first_token.wait()
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            # The model is open yet: it is the answer's own end that closes its connection.
            closed = await asyncio.to_thread(server.wait_until, lambda seen: seen.open == 0)

    assert closed


async def test_no_socket_is_left_in_any_path() -> None:
    faults = [says("hello"), error(500, "x"), error(401, "no"), error(400, "no"), Reply(ending="reset")]
    with faulty_endpoint(*faults) as server:
        for _ in faults:
            await asyncio.gather(ask(server, patience=QUICK), return_exceptions=True)
        closed = server.wait_until(lambda seen: seen.open == 0)

    assert closed
