"""A flow that is killed at any of its events goes on, and repeats no step that has ended."""

import asyncio
import os
import signal
from collections.abc import Sequence
from itertools import count
from pathlib import Path

import pytest

from coder.flows import Flow, resume_flow, run_flow
from coder.run.events import Draft, Event
from coder.run.run import Run
from coder.store import SqliteLog

OUTPUT = [2, [4, 6], [10, 11], "yes", "no"]
RUN = "run_killed"


class KillingLog(SqliteLog):
    """Kills its process after so many appends."""

    appends_left = 0

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        events = await super().append(run, drafts, after=after, token=token)
        KillingLog.appends_left -= 1
        if KillingLog.appends_left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return events


def double(number: int) -> int:
    with Path("calls.txt").open("a") as file:
        file.write(f"{number} ")
    return 2 * number


async def branch(flow: Flow, number: int) -> int:
    first = await flow.step("first", double, number)
    return first + await flow.step("second", double, number + 100) - 2 * (number + 100)


async def journey(flow: Flow) -> list[int | list[int] | str]:
    one = await flow.step("one", double, 1, effect=True)
    await flow.now()
    items = await flow.map("item", double, [2, 3], at_once=1)
    branches = await flow.parallel(branch(flow, 5), flow.step("other", lonely, 11))
    first = await flow.ask("First?")
    await flow.step("between", double, 50)
    second = await flow.ask("Second?", options=["no", "later"])
    return [one, items, branches, first.decision, second.decision]


def lonely(number: int) -> int:
    double(1000 + number)
    return number


async def to_the_end(home: Path, *, is_begun: bool) -> Run:
    """Begin or resume the flow, and answer its questions."""
    with KillingLog(home) as log:
        run = (
            await resume_flow(RUN, journey, log=log)
            if is_begun
            else await run_flow(journey, None, log=log, run_id=RUN)
        )
        while run.status == "waiting" and run.question is not None:
            answer = "yes" if run.question.text == "First?" else "no"
            if "cut off" in run.question.text:
                answer = "again"
            run = await resume_flow(RUN, journey, answer=answer, log=log)
        return run


async def positions(home: Path, kind: str) -> list[str]:
    """Return the positions in the flow's events of a kind."""
    with SqliteLog(home) as log:
        return [event.body["position"] for event in await log.read(RUN) if event.type == kind]


async def has_finished(home: Path) -> bool:
    """Whether the flow was killed by its very last event."""
    with SqliteLog(home) as log:
        return (await log.read(RUN))[-1].body.get("status") == "finished"


def killed(home: Path, appends: int) -> bool:
    """Run the flow in a process of its own that ends after so many appends; return whether it was killed."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            KillingLog.appends_left = appends
            asyncio.run(to_the_end(home, is_begun=False))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


@pytest.mark.slow
def test_a_flow_killed_at_each_of_its_events_repeats_no_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for appends in count(1):
        folder = tmp_path / str(appends)
        folder.mkdir()
        monkeypatch.chdir(folder)
        if not killed(folder / "home", appends):
            break
        if asyncio.run(has_finished(folder / "home")):
            continue
        ended = asyncio.run(positions(folder / "home", "flow.step.ended"))
        starts_before = asyncio.run(positions(folder / "home", "flow.step.started"))
        run = asyncio.run(to_the_end(folder / "home", is_begun=True))
        starts = asyncio.run(positions(folder / "home", "flow.step.started"))

        assert (run.status, run.answer) == ("finished", OUTPUT), (appends, run.error)
        for position in ended:
            assert starts.count(position) == starts_before.count(position), (appends, position)
        call_lines = Path("calls.txt").read_text().split()
        in_order = [number for number in call_lines if number in ("1", "2", "3", "50")]
        assert in_order == ["1", "2", "3", "50"], appends

    assert appends > 20
