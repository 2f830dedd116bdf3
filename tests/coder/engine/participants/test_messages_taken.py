"""What a person says while a run works reaches its model once, with tools and without, and across a kill."""

from pathlib import Path
from typing import Any

import pytest

from coder.models.model import Answer
from coder.models.scripted import Scripted
from coder.run.event_types import RunStarted
from coder.run.journal import Journal
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .test_acting import DONE, SETTINGS, bash, project
from .test_acting_cut import TEST, cut_log

pytestmark = [KEPT, RECORDED]

__all__ = ["project"]
MEND = bash("sed -i 's/a - b/a + b/' calc.py")
SAID = "Keep the signature."


class Interrupted(Scripted):
    """A model during whose first call a person sends a message to the run."""

    log: MemoryLog

    async def answer(self, *args: Any, **named: Any) -> Answer:
        if not self.requests:
            (run,) = await self.log.runs(limit=1)
            await self.log.messages.send(run.run, SAID)
        return await super().answer(*args, **named)


def count_said(model: Scripted, request: int) -> int:
    """How often a request has the message, from 0."""
    return sum(message.content.count(SAID) for message in model.requests[request].messages)


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["before it is logged", "before it is removed", "after it is removed"])
async def test_a_message_taken_just_before_a_kill_is_read_once_after_it(project: Path, cut: str) -> None:
    model, whole = Interrupted([MEND, DONE]), MemoryLog()
    model.log = whole
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)
    first = await solve(task, model=model, settings=SETTINGS, log=whole)
    events = await whole.read(first.run_id)
    index = next(n for n, event in enumerate(events) if event.type == "messages.taken")
    (project / "calc.py").write_text("def add(a, b):\n    return a - b\n")

    log = await cut_log(events[: index if cut == "before it is logged" else index + 1], first.run_id)
    if cut != "after it is removed":
        await log.messages.send(first.run_id, SAID)
    if cut == "before it is removed":
        log.messages.rename(first.run_id, events[index].body["ids"])
    rest = Scripted([DONE])
    run = await resume(first.run_id, model=rest, log=log, budget=Budget(max_calls=9))

    assert run.status == "solved"
    assert (count_said(model, 1), count_said(rest, 0)) == (1, 1)
    assert await log.messages.unread(first.run_id) == []


@pytest.mark.slow
async def test_a_model_without_tools_reads_a_message_with_its_next_request(project: Path) -> None:
    wrong, right = (f"`calc.py`\n```python\ndef add(a, b):\n    return a {sign} b\n```" for sign in "*+")
    model = Interrupted([wrong, right])
    model.log = log = MemoryLog()
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)

    run = await solve(task, model=model, settings=Settings(strategy="repair"), log=log)

    assert run.status == "solved"
    assert (count_said(model, 0), count_said(model, 1)) == (0, 1)
    assert await log.messages.unread(run.run_id) == []


async def test_a_message_that_could_not_be_removed_is_read_once_though_lines_are_typed_after_it() -> None:
    log = MemoryLog()
    async with log.lease("run_x") as token:
        journal = Journal("run_x", log, token=token, watch=Unwatched())
        await journal.append(RunStarted(task=Task(prompt="x"), settings=Settings(), model="toy"))
        await log.messages.send("run_x", SAID)
        (kept,) = await log.messages.unread("run_x")

        texts = []
        for lines in ([], ["Be brief."], ["And quick."]):
            texts.append(await journal.take_messages(lines, str))
            await log.messages.send("run_x", SAID)  # as if the removal had failed
            log.messages.rename("run_x", [kept.id])

    assert texts == [SAID, "Be brief.", "And quick."]
