"""A flow is an ordinary function: each step runs once, and every later execution takes it from the log."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from coder.base.errors import UsageError
from coder.engine.resume import resume
from coder.flows import Flow, StepFailed, resume_flow, run_flow
from coder.run.run import Run
from tests.memory_log import MemoryLog


class Item(BaseModel):
    name: str
    tags: set[str] = set()


@dataclass
class Calls:
    """What the steps of a test did."""

    made: list[str] = field(default_factory=list)

    async def upper(self, item: Item) -> str:
        self.made.append(f"upper {item.name}")
        return item.name.upper()

    def double(self, number: int) -> int:
        self.made.append(f"double {number}")
        return 2 * number

    def fail(self, number: int) -> int:
        self.made.append(f"fail {number}")
        raise LookupError(f"no {number}")


calls = Calls()


@pytest.fixture(autouse=True)
def _forgets() -> None:
    calls.made.clear()


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


async def ordinary(flow: Flow, item: Item) -> list[int | str]:
    name = await flow.step("upper", calls.upper, item)
    numbers = await flow.map("double", calls.double, range(3))
    if (await flow.ask("Go on?")).agrees:
        numbers.append(await flow.step("more", calls.double, 10))
    return [name, *numbers]


async def begun(function: Callable[..., Any], value: object, log: MemoryLog, folder: Path) -> Run:
    return await run_flow(function, value, log=log, folder=folder)


async def test_a_resume_repeats_no_finished_step_and_returns_the_output(
    log: MemoryLog, tmp_path: Path
) -> None:
    waiting = await begun(ordinary, Item(name="a"), log, tmp_path)
    calls_before = list(calls.made)

    finished = await resume_flow(waiting.run_id, ordinary, answer="yes", log=log)

    assert (waiting.status, waiting.exit_code, waiting.question and waiting.question.text) == (
        "waiting",
        9,
        "Go on?",
    )
    assert (finished.status, finished.exit_code) == ("finished", 0)
    assert finished.answer == ["A", 0, 2, 4, 20]
    assert sorted(calls_before) == ["double 0", "double 1", "double 2", "upper a"]
    assert calls.made == [*calls_before, "double 10"]


async def test_a_no_goes_the_other_way(log: MemoryLog, tmp_path: Path) -> None:
    waiting = await begun(ordinary, Item(name="a"), log, tmp_path)

    finished = await resume_flow(waiting.run_id, ordinary, answer="no", log=log)

    assert finished.answer == ["A", 0, 2, 4]


async def test_a_finished_flow_is_not_resumed_and_a_flow_is_no_task(log: MemoryLog, tmp_path: Path) -> None:
    async def empty(flow: Flow) -> None:
        return None

    run = await begun(empty, None, log, tmp_path)

    with pytest.raises(UsageError, match="has finished"):
        await resume_flow(run.run_id, empty, log=log)
    with pytest.raises(UsageError, match="is a flow"):
        await resume(run.run_id, log=log)


async def test_time_and_chance_are_the_same_after_a_resume(log: MemoryLog, tmp_path: Path) -> None:
    readings: list[tuple[float, float]] = []

    async def timed(flow: Flow) -> None:
        readings.append((await flow.now(), await flow.random()))
        await flow.ask("Go on?")

    run = await begun(timed, None, log, tmp_path)
    await resume_flow(run.run_id, timed, answer="yes", log=log)

    assert readings[0] == readings[1]
    assert 0 <= readings[0][1] < 1


async def test_a_failure_that_ends_the_flow_is_repeated_and_one_that_is_caught_is_not(
    log: MemoryLog, tmp_path: Path
) -> None:
    caught: list[str] = []

    async def careful(flow: Flow) -> int:
        try:
            return await flow.step("fail", calls.fail, 1)
        except StepFailed as failure:
            caught.append(failure.error.type)
        await flow.ask("Go on?")
        return await flow.step("fail again", calls.fail, 2)

    waiting = await begun(careful, None, log, tmp_path)
    failed = await resume_flow(waiting.run_id, careful, answer="yes", log=log)
    again = await resume_flow(waiting.run_id, careful, log=log)

    assert (failed.status, failed.exit_code) == ("error", 1)
    assert "Step 3, `fail again`, failed: LookupError: no 2" in failed.reason
    assert again.status == "error"
    assert set(caught) == {"LookupError"}
    assert calls.made == ["fail 1", "fail 2", "fail 2"]


async def test_branches_with_steps_of_their_own_end_before_a_failure_is_raised(
    log: MemoryLog, tmp_path: Path
) -> None:
    async def pair(flow: Flow, number: int) -> int:
        first = await flow.step("first", calls.double, number)
        return await flow.step("second", calls.double, first)

    async def branched(flow: Flow) -> list[int]:
        try:
            return await flow.parallel(flow.step("fail", calls.fail, 1), pair(flow, 3))
        except StepFailed:
            return await flow.parallel(pair(flow, 5), pair(flow, 7))

    run = await begun(branched, None, log, tmp_path)

    assert run.answer == [20, 28]
    assert "double 6" in calls.made
    positions = [event.body["position"] for event in await log.read(run.run_id) if "position" in event.body]
    assert {"2.1.1", "2.1.2", "3.0.1", "3.1.2"} <= set(positions)


async def test_two_questions_at_once_are_asked_one_after_the_other(log: MemoryLog, tmp_path: Path) -> None:
    async def asking(flow: Flow) -> list[str]:
        answers = await flow.parallel(flow.ask("left?"), flow.ask("right?"))
        return [answer.decision for answer in answers]

    first = await begun(asking, None, log, tmp_path)
    second = await resume_flow(first.run_id, asking, answer="no", log=log)
    finished = await resume_flow(first.run_id, asking, answer="yes", log=log)

    assert [run.status for run in (first, second, finished)] == ["waiting", "waiting", "finished"]
    assert finished.answer == ["yes", "no"]


async def test_a_step_does_not_nest_and_no_other_task_takes_steps(log: MemoryLog, tmp_path: Path) -> None:
    flows: list[Flow] = []

    async def nested(number: int) -> int:
        return await flows[0].step("inner", calls.double, number)

    async def nesting(flow: Flow) -> int:
        flows[:] = [flow]
        return await flow.step("outer", nested, 1)

    async def pair(flow: Flow, number: int) -> int:
        return await flow.step("double", calls.double, number)

    async def gathering(flow: Flow) -> list[int]:
        return [*await asyncio.gather(pair(flow, 1), pair(flow, 2))]

    assert "Steps don't nest" in (await begun(nesting, None, log, tmp_path)).reason
    assert "Use flow.parallel" in (await begun(gathering, None, log, tmp_path)).reason
    assert calls.made == []


async def test_a_step_with_an_effect_that_was_cut_off_asks_a_person(log: MemoryLog, tmp_path: Path) -> None:
    cut_off = asyncio.Event()

    async def send(number: int) -> int:
        calls.made.append(f"send {number}")
        if len(calls.made) == 1:
            cut_off.set()
            await asyncio.Event().wait()
        return number

    async def sending(flow: Flow) -> int:
        return await flow.step("send", send, 1, effect=True)

    task = asyncio.create_task(run_flow(sending, None, log=log, folder=tmp_path, run_id="run_cut"))
    await cut_off.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    asks = await resume_flow("run_cut", sending, log=log)
    unfit = await resume_flow("run_cut", sending, answer="done", log=log)
    finished = await resume_flow("run_cut", sending, answer="7", log=log)

    assert asks.status == "waiting"
    assert asks.question is not None
    assert "may have had its effect" in asks.question.text
    assert unfit.question is not None
    assert "valid integer" in unfit.question.note
    assert (finished.status, finished.answer) == ("finished", 7)
    assert calls.made == ["send 1"]


async def test_a_flow_that_is_asked_to_stop_is_interrupted_and_goes_on_later(
    log: MemoryLog, tmp_path: Path
) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()

    async def wait(number: int) -> int:
        began.set()
        await may_end.wait()
        return number

    async def waits(flow: Flow) -> int:
        return await flow.step("wait", wait, 1)

    task = asyncio.create_task(run_flow(waits, None, log=log, folder=tmp_path, run_id="run_stop"))
    await began.wait()
    await log.request_stop("run_stop", "somebody")
    stopped = await task
    may_end.set()

    assert (stopped.status, stopped.reason) == ("interrupted", "stopped by somebody")
    assert (await resume_flow("run_stop", waits, log=log)).answer == 1
