"""A flow that takes another way than the recorded one is stopped, and the step is named."""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.flows import Flow, resume_flow, run_flow
from coder.run.run import Run
from tests.memory_log import MemoryLog

Tree = int | list[Any]
TREES = st.lists(
    st.recursive(st.integers(0, 9), lambda inner: st.lists(inner, max_size=3), max_leaves=8), max_size=4
)
BY_SET = """
import asyncio, sys
from pathlib import Path
from coder.flows import Flow, resume_flow, run_flow
from coder.store import SqliteLog

def echo(word: str) -> str:
    return word

async def visits(flow: Flow) -> None:
    for word in {"".join(letters) for letters in ("alpha", "beta", "gamma", "delta")}:
        await flow.step("visit", echo, word)
    await flow.ask("Go on?")

async def main() -> None:
    with SqliteLog(Path(sys.argv[1])) as log:
        if sys.argv[2] == "run":
            run = await run_flow(visits, None, log=log, run_id="run_set")
        else:
            run = await resume_flow("run_set", visits, answer="yes", log=log)
    print(run.status, run.reason)

asyncio.run(main())
"""


def double(number: float) -> float:
    return 2 * number


async def waits(flow: Flow) -> None:
    await flow.step("first", double, 1)
    await flow.step("second", double, 2)
    await flow.ask("Go on?")


async def renamed(flow: Flow) -> None:
    await flow.step("first", double, 1)
    await flow.step("later", double, 2)
    await flow.ask("Go on?")


async def swapped(flow: Flow) -> None:
    await flow.step("second", double, 2)
    await flow.step("first", double, 1)


async def another_input(flow: Flow) -> None:
    await flow.step("first", double, 1)
    await flow.step("second", double, 3)


async def another_verb(flow: Flow) -> None:
    await flow.step("first", double, 1)
    await flow.now()


async def another_question(flow: Flow) -> None:
    await flow.step("first", double, 1)
    await flow.step("second", double, 2)
    await flow.ask("Stop?")


async def shorter(flow: Flow) -> None:
    await flow.step("first", double, 1)


async def by_the_clock(flow: Flow) -> None:
    await flow.step("first", double, time.time())
    await flow.ask("Go on?")


async def in_parallel(flow: Flow) -> None:
    await flow.parallel(flow.step("first", double, 1), flow.step("second", double, 2))
    await flow.ask("Go on?")


FlowOfNothing = Callable[[Flow], Coroutine[Any, Any, None]]


def copied(changed: FlowOfNothing, function: FlowOfNothing) -> FlowOfNothing:
    """Return a function under another one's name, as if its code was changed."""

    async def under_its_name(flow: Flow) -> None:
        await changed(flow)

    under_its_name.__qualname__, under_its_name.__module__ = function.__qualname__, function.__module__
    return under_its_name


async def resumed_as(function: FlowOfNothing, changed: FlowOfNothing, folder: Path) -> Run:
    log = MemoryLog()
    begun = await run_flow(function, None, log=log, folder=folder)
    assert begun.status == "waiting"
    return await resume_flow(begun.run_id, copied(changed, function), answer="yes", log=log)


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        (renamed, "Step 2 differs from the recorded one: it was step `second`, and is step `later` now."),
        (swapped, "Step 1 differs from the recorded one: it was step `first`, and is step `second` now."),
        (another_input, "Step 2 differs from the recorded one: step `second` has another input."),
        (another_verb, "Step 2 differs from the recorded one: it was step `second`, and is `now` now."),
        (another_question, "Step 3 differs from the recorded one: it was ask `Go on?`"),
        (shorter, "Step 2 differs from the recorded one: it was `second`, and the flow ended without it."),
    ],
    ids=["renamed", "swapped", "another-input", "another-verb", "another-question", "shorter"],
)
async def test_changed_code_is_named_by_the_step_where_it_differs(
    changed: FlowOfNothing, step: str, tmp_path: Path
) -> None:
    run = await resumed_as(waits, changed, tmp_path)

    assert (run.status, run.exit_code) == ("error", 2)
    assert run.reason.startswith(step)


async def test_the_clock_as_an_input_is_detected(tmp_path: Path) -> None:
    run = await resumed_as(by_the_clock, by_the_clock, tmp_path)

    assert "Step 1 differs from the recorded one: step `first` has another input." in run.reason
    assert "flow.now()" in run.reason


async def test_the_earlier_code_goes_on_after_another_was_refused(tmp_path: Path) -> None:
    log = MemoryLog()
    begun = await run_flow(waits, None, log=log, folder=tmp_path)
    changed = copied(renamed, waits)
    refused = await resume_flow(begun.run_id, changed, answer="yes", log=log)

    finished = await resume_flow(begun.run_id, waits, log=log)

    assert [refused.status, finished.status] == ["error", "finished"]


@pytest.mark.slow
def test_the_order_of_a_set_is_detected(tmp_path: Path) -> None:
    def execute(what: str, seed: int) -> str:
        command = [sys.executable, "-c", BY_SET, str(tmp_path / "home"), what]
        environ = {**os.environ, "PYTHONHASHSEED": str(seed)}
        return subprocess.run(command, env=environ, cwd=tmp_path, capture_output=True, text=True).stdout

    assert execute("run", 1).startswith("waiting")

    resumed = execute("resume", 2)

    assert resumed.startswith("error Step ")
    assert "step `visit` has another input" in resumed


@pytest.mark.slow
@given(TREES, st.integers(0, 99))
@settings(max_examples=30)
def test_positions_do_not_depend_on_which_branch_is_faster(tree: list[Tree], seed: int) -> None:
    async def positions(chance: random.Random) -> dict[str, Any]:
        async def leaf(number: int) -> int:
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            return number

        async def sequence(flow: Flow, nodes: list[Tree]) -> int:
            for node in nodes:
                if isinstance(node, list):
                    await flow.parallel(*(sequence(flow, [inner]) for inner in node))
                else:
                    await flow.step("leaf", leaf, node)
            return 0

        async def whole(flow: Flow) -> int:
            return await sequence(flow, tree)

        log = MemoryLog()
        run = await run_flow(whole, None, log=log, folder=Path("/"))
        assert run.status == "finished", run.error
        ended = (event.body for event in await log.read(run.run_id) if event.type == "flow.step.ended")
        return {body["position"]: body["value"] for body in ended}

    assert asyncio.run(positions(random.Random(seed))) == asyncio.run(positions(random.Random(seed + 1)))
