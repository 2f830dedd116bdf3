"""A team whose process is killed at any kind of event goes on from its log as if nothing had happened.

Two teams are killed in a process, and go on from SQLite; for the others, the log of a whole run is cut.
"""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from coder.engine.teams import TeamSpec
from coder.models.model import Answer
from coder.models.scripted import Scripted
from coder.run.events import Event
from coder.store import SqliteLog
from tests.coder.engine.participants.test_acting_cut import cut_log
from tests.coder.engine.teams.test_team_specs import TASK, TEAMS
from tests.coder.states import distinct_cuts
from tests.kept_sandboxes import KEPT, keep_sandboxes, resume, solve
from tests.memory_log import MemoryLog


class Fatal:
    """A log that kills its process behind its `last` event."""

    def __init__(self, log: SqliteLog, last: int) -> None:
        self._log, self._last = log, last

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    async def append(self, run: str, drafts: Any, *, after: int, token: int) -> list[Event]:
        """Append, and die once the event is on the disk."""
        events = await self._log.append(run, drafts, after=after, token=token)
        if after + len(drafts) >= self._last:
            os.kill(os.getpid(), signal.SIGKILL)
        return events


class ByRequest(Scripted):
    """Answers each request as an uncut run's model has, by what is asked."""

    def __init__(self, known: dict[str, str]) -> None:
        super().__init__([])
        self._known, self.asked = known, 0

    async def answer(self, messages: Any, **asking: Any) -> Answer:
        """The answer to these messages."""
        self.asked += 1
        self._answers = (*[""] * len(self.requests), self._known[str([*messages])])
        return await super().answer(messages, **asking)


def of_interest(events: list[Event]) -> list[tuple[str, object]]:
    """What was answered and said, and how it ended, in order."""
    return [
        (event.type, event.body.get("key") or event.body.get("message", {}).get("text"))
        for event in events
        if event.type in ("model.answered", "message.spoken", "run.stopped")
    ]


async def uncut(team: TeamSpec, answers: list[Any], log: Any) -> tuple[list[Event], dict[str, str]]:
    """All events of a run, and what each request was answered with."""
    model = Scripted(answers)
    run = await solve(TASK, team=team, model=model, log=log)
    requests = [str([*request.messages]) for request in model.requests]
    return await log.read(run.run_id), dict(zip(requests, answers, strict=True))


async def killed_at(last: int, team: TeamSpec, known: dict[str, str], folder: Path) -> None:
    """Work in this process until it dies."""
    with SqliteLog(folder) as log:
        await solve(TASK, team=team, model=ByRequest(known), log=Fatal(log, last))  # type: ignore[arg-type]


async def gone_on(known: dict[str, str], folder: Path) -> tuple[list[Event], int, int]:
    """The events after a resume, the calls that it made, and those that had been answered before."""
    with SqliteLog(folder) as log:
        run, model = (await log.runs())[0].run, ByRequest(known)
        before = sum(event.type == "model.answered" for event in await log.read(run))
        await resume(run, model=model, log=log)
        return await log.read(run), model.asked, before


@contextmanager
def kept_on(runner: asyncio.Runner) -> Iterator[None]:
    """Keep sandboxes open on a runner's loop, which stands still while this process forks."""
    stack = AsyncExitStack()
    runner.run(stack.enter_async_context(keep_sandboxes()))
    try:
        yield
    finally:
        runner.run(stack.aclose())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["nested", "panel"])
def test_a_team_that_is_killed_at_any_kind_of_event_repeats_no_call_and_ends_the_same(
    kind: str, tmp_path: Path
) -> None:
    team, answers = TEAMS[kind]()
    with SqliteLog(tmp_path / "whole") as log:
        whole, answers_by_request = asyncio.run(uncut(team, answers, log))

    with asyncio.Runner() as runner, kept_on(runner):
        for last in distinct_cuts(whole, 1, len(whole)):
            folder = tmp_path / str(last)
            if (pid := os.fork()) == 0:
                asyncio.run(killed_at(last, team, answers_by_request, folder))
                os._exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL, last
            events, call_count, before = runner.run(gone_on(answers_by_request, folder))
            assert call_count + before == len(answers), last
            # A panel's calls may be answered in either order.
            order = sorted if kind == "panel" else list
            assert order(map(str, of_interest(events))) == order(map(str, of_interest(whole))), last


@KEPT
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["selector", "orchestrated", "round-robin", "handoff"])
async def test_a_team_cut_after_any_kind_of_event_repeats_no_call_and_ends_the_same(kind: str) -> None:
    team, answers = TEAMS[kind]()
    whole, answers_by_request = await uncut(team, answers, MemoryLog())

    for last in distinct_cuts(whole, 1, len(whole)):
        log, model = await cut_log(whole[:last], whole[0].run), ByRequest(answers_by_request)
        await resume(whole[0].run, model=model, log=log)

        before = sum(event.type == "model.answered" for event in whole[:last])
        assert model.asked + before == len(answers), last
        assert of_interest(await log.read(whole[0].run)) == of_interest(whole), last
