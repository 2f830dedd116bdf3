"""What a collector keeps of runs that end and go on, while one process watches many of them."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from coder.run.event_types import Body, RunResumed, RunStopped
from coder.run.settings import Budget
from coder.show.traces import collector
from coder.show.traces.collector import Collector
from coder.store import EventLog, open_log
from tests.coder.states import call, started

from .receiver import Receiver, answer_200, receiver

RUN = "run_test"
SOLVED = RunStopped(status="solved", reason="it passes", exit_code=0)


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(collector, "EVERY_S", 0.05)


async def append(log: EventLog, watch: Collector, bodies: Sequence[Body], *, after: int = 0) -> None:
    async with log.lease(RUN) as token:
        for event in await log.append(RUN, [one.draft() for one in bodies], after=after, token=token):
            watch.event(event)


async def until(claim: Callable[[], bool]) -> None:
    async with asyncio.timeout(300):
        while not claim():  # noqa: ASYNC110 - a collector tells nobody what it has sent
            await asyncio.sleep(0.01)


def sent(taken: Receiver, requests: int) -> Callable[[], bool]:
    return lambda: len(taken.bodies.get("/v1/traces", [])) >= requests


async def test_a_run_that_is_resumed_while_its_end_is_sent_is_sent_on() -> None:
    let_go = threading.Event()

    def slow(request: BaseHTTPRequestHandler) -> None:
        let_go.wait(60)
        answer_200(request)

    with receiver(slow) as live, receiver() as later, open_log() as log:
        async with Collector(live.url, print) as watch:
            await append(log, watch, [started(), *call(1), SOLVED])
            await until(sent(live, 1))
            resumed = RunResumed(budget=Budget(), model="test/model")
            await append(log, watch, [resumed, *call(2), SOLVED], after=4)
            let_go.set()
            await until(sent(live, 2))
            await until(lambda: RUN not in watch.followed)
        async with Collector(f"{later.url}/v1/traces/", print) as export:
            await export.send(RUN)

    live_spans, later_spans = ({one.SerializeToString() for one in each.spans} for each in (live, later))
    assert live_spans == later_spans
    assert len(live.spans) == len(live_spans)


@pytest.mark.slow
async def test_what_is_on_its_way_at_the_end_is_sent_once() -> None:
    def slow(request: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        answer_200(request)

    with receiver(slow) as live, open_log() as log:
        async with Collector(live.url, print) as watch:
            await append(log, watch, [started(), *call(1), SOLVED])
            await until(sent(live, 1))

    assert len(live.spans) == len({one.span_id for one in live.spans}) > 0


@pytest.mark.slow
async def test_a_run_whose_end_a_collector_took_only_later_is_kept_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "SLOW_S", 0.5)
    refusals = [503]

    def once(request: BaseHTTPRequestHandler) -> None:
        request.send_error(refusals.pop()) if refusals else answer_200(request)

    with receiver(once) as live, open_log() as log:
        async with Collector(live.url, print) as watch:
            await append(log, watch, [started(), *call(1), SOLVED])
            await until(sent(live, 1))
            other = started().draft()
            async with log.lease("run_other") as token:
                (event,) = await log.append("run_other", [other], after=0, token=token)
            watch.event(event)
            await until(sent(live, 2))
            await until(lambda: RUN not in watch.followed)
            assert "run_other" in watch.followed


async def test_what_a_collector_refused_is_sent_again_without_a_new_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "SLOW_S", 0.5)
    refusals = [503]

    def once(request: BaseHTTPRequestHandler) -> None:
        request.send_error(refusals.pop()) if refusals else answer_200(request)

    with receiver(once) as live, open_log() as log:
        async with Collector(live.url, print) as watch:
            await append(log, watch, [started(), *call(1), SOLVED])
            await until(sent(live, 2))
            await until(lambda: RUN not in watch.followed)
