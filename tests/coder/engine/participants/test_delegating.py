"""Subagents: runs of their own for a model's call, concurrent, under the limits of the run, and resumed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Unpack

import pytest

from coder.models.abilities import Abilities
from coder.models.model import Answer, Asking, ChatMessage, ToolCall
from coder.models.scripted import Scripted
from coder.run.event_types import AttemptEnded, AttemptStarted
from coder.run.extensions import Subagent
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.show.run_transcript import Transcript, read_events
from tests.coder.engine.participants.test_acting import DONE, RIGHT, UNITTEST, bash, call, project
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

__all__ = ["project"]
MEND = [call("edit", path="calc.py", old="a - b", new="a + b")]
SETTINGS = Settings(strategy="act")
LOOKER = "---\nname: looker\ndescription: Looks.\ntools: Read, Grep\n---\nLook closely.\n"
WRITER = "---\nname: writer\ndescription: Writes.\ntools: Read, Edit\n---\nWrite well.\n"
Script = Sequence[str | Sequence[ToolCall] | Answer]


def delegate(agent: str, task: str) -> ToolCall:
    return call("delegate", agent=agent, task=task)


class Scripts(Scripted):
    """A model with one script for the run, and one for each task that is delegated."""

    def __init__(self, run: Script, **tasks: Script) -> None:
        super().__init__(())
        self.run = Scripted(run)
        self.by_task = {name: Scripted(script) for name, script in tasks.items()}
        self.meeting: asyncio.Barrier | None = None
        """Where the first requests of all subagents wait for one another."""
        self.abilities = Abilities()

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        if "You do one task for another agent" not in messages[0].content:
            return await self.run.answer(messages, **asking)
        first_line = next(message.content for message in messages if message.role == "user").splitlines()
        name = next(name for name in self.by_task if any(name in line for line in first_line))
        if self.meeting is not None and not self.by_task[name].requests:
            async with asyncio.timeout(300):
                await self.meeting.wait()
        return await self.by_task[name].answer(messages, **asking)


@pytest.fixture
def folder(project: Path) -> Path:
    (project / ".agents/agents").mkdir(parents=True)
    (project / ".agents/agents/looker.md").write_text(LOOKER)
    (project / ".agents/agents/writer.md").write_text(WRITER)
    return project


async def worked(folder: Path, model: Scripted, log: MemoryLog, settings: Settings = SETTINGS) -> Run:
    task = Task(prompt="Mend add.", workspace=folder, test_command=UNITTEST)
    return await solve(task, model=model, settings=settings, log=log)


def results(model: Scripted, request: int) -> list[str]:
    return [message.content for message in model.requests[request].messages if message.role == "tool"]


@pytest.mark.slow
async def test_two_subagents_work_concurrently_and_hand_back_their_last_words(folder: Path) -> None:
    both = [delegate("looker", "alpha: read it."), delegate("looker", "beta: read it, too.")]
    scripts = {"alpha": [bash("cat calc.py"), "It subtracts."], "beta": ["Nothing else."]}
    model, log = Scripts([both, MEND, DONE], **scripts), MemoryLog()
    model.meeting = asyncio.Barrier(2)

    run = await worked(folder, model, log)

    assert run.status == "solved"
    assert [text.splitlines()[1] for text in results(model.run, 1)] == ["It subtracts.", "Nothing else."]
    assert run.calls == 6
    tools = [[tool.name for tool in each.requests[0].form.tools] for each in model.by_task.values()]  # type: ignore[union-attr]
    assert tools == [["bash", "done"]] * 2
    assert "Look closely." in model.by_task["alpha"].requests[0].messages[0].content
    assert "Mend add." not in model.by_task["alpha"].requests[0].messages[-1].content


@pytest.mark.slow
async def test_without_subagents_no_tool_is_offered_for_them(project: Path) -> None:
    model = Scripts([MEND, DONE])

    await worked(project, model, MemoryLog())

    form = model.run.requests[0].form
    assert form is not None
    assert "delegate" not in [tool.name for tool in form.tools]


@pytest.mark.slow
async def test_what_a_reading_subagent_changes_is_discarded(folder: Path) -> None:
    model = Scripts(
        [[delegate("looker", "alpha")], bash("ls"), MEND, DONE], alpha=[bash("touch trace.txt"), "Done."]
    )

    await worked(folder, model, MemoryLog())

    assert "trace.txt" not in results(model.run, 2)[1]
    assert not (folder / "trace.txt").exists()


@pytest.mark.slow
async def test_what_a_writing_subagent_changes_is_taken_over_and_tested(folder: Path) -> None:
    model = Scripts([bash("touch a.txt"), [delegate("writer", "alpha")], DONE], alpha=[MEND, "It adds now."])

    run = await worked(folder, model, MemoryLog())

    assert (run.status, run.verified) == ("solved", "tests")
    assert (folder / "calc.py").read_text() == RIGHT
    assert results(model.run, 2)[1].endswith("[Its changes are taken over: calc.py]")


@pytest.mark.slow
async def test_of_two_writers_of_one_file_the_second_is_said_to_be_in_conflict(folder: Path) -> None:
    both = [delegate("writer", "alpha"), delegate("writer", "beta!")]
    other = [call("edit", path="calc.py", old="a - b", new="a * b")]
    model = Scripts([both, DONE], alpha=[MEND, "Added."], **{"beta!": [other, "Multiplied."]})

    run = await worked(folder, model, MemoryLog())

    assert run.status == "solved"
    assert (folder / "calc.py").read_text() == RIGHT
    assert results(model.run, 1)[1].endswith("[Not taken over, as they have changed since it began: calc.py]")


@pytest.mark.slow
async def test_a_subagent_delegates_nothing_and_an_unknown_one_is_an_error(folder: Path) -> None:
    nested = [[delegate("looker", "beta")], "Could not."]
    model = Scripts([[delegate("loker", "alpha"), delegate("looker", "alpha")], MEND, DONE], alpha=nested)

    await worked(folder, model, MemoryLog())

    assert "there is no subagent 'loker'" in results(model.run, 1)[0]
    assert "looker" in results(model.run, 1)[0]
    assert "There is no tool 'delegate'" in results(model.by_task["alpha"], 1)[0]


@pytest.mark.slow
async def test_subagents_leave_half_of_the_calls_to_their_run(folder: Path) -> None:
    busy = [bash(f"echo {number}") for number in range(20)]
    model, log = Scripts([[delegate("looker", "alpha")], MEND, DONE], alpha=busy), MemoryLog()

    run = await worked(folder, model, log, Settings(strategy="act", budget=Budget(max_calls=11)))

    assert run.status == "solved"
    assert len(model.by_task["alpha"].requests) == 5
    (result,) = results(model.run, 1)
    assert "has ended without a result: the limit of 6 model calls" in result
    assert "Its last words:]\n(none)" in result
    assert run.calls == 8


class Killed(BaseException):
    """The process ends without a chance to log anything."""


class Dying(MemoryLog):
    """A log whose process is killed before an event, once one subagent has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.dies, self._one_has_ended = True, asyncio.Event()

    async def append(self, run: str, drafts: Sequence, *, after: int, token: int) -> list:  # type: ignore[type-arg]
        if self.dies and ".d" in run and any("SECOND" in str(draft.body) for draft in drafts):
            async with asyncio.timeout(300):
                await self._one_has_ended.wait()
            raise Killed
        events = await super().append(run, drafts, after=after, token=token)
        if any(draft.type == AttemptEnded.type for draft in drafts):
            self._one_has_ended.set()
        return events


@pytest.mark.slow
async def test_after_a_kill_only_the_subagent_that_had_not_ended_goes_on(folder: Path) -> None:
    both = [delegate("looker", "alpha"), delegate("looker", "beta")]
    log = Dying()
    model = Scripts([both, MEND, DONE], alpha=["Early."], beta=[bash("echo SECOND"), "Late."])
    with pytest.raises(BaseException):  # noqa: B017, PT011 - a killed process
        await worked(folder, model, log)
    (run_id,) = [run for run in log._events if ".d" not in run]
    log.dies = False
    log._held.clear()

    model.by_task["beta"] = Scripted(["Late."])
    run = await resume(run_id, model=model, log=log)

    assert run.status == "solved"
    assert len(model.by_task["alpha"].requests) == 1
    texts = [text.splitlines()[1] for text in results(model.run, 1)]
    assert texts == ["Early.", "Late."]
    ends = [event for event in await log.read(run_id) if event.type == AttemptEnded.type]
    assert len(ends) == 2


@pytest.mark.slow
async def test_a_transcript_draws_subagents_where_they_began(folder: Path) -> None:
    log = MemoryLog()
    run = await worked(folder, Scripts([[delegate("looker", "alpha")], MEND, DONE], alpha=["Seen."]), log)

    events = await read_events(log, run.run_id)
    transcripts = {name: Transcript() for name in {event.run for event in events}}
    entries = [transcripts[event.run].entry(event) for event in events]

    headings = [entry.heading for entry in entries if entry is not None]
    assert any(heading.startswith("subagent looker  run_") for heading in headings)
    start = next(event for event in events if event.type == AttemptStarted.type)
    assert events[events.index(start) + 1].run == start.body["run"]
    assert fold_all(await log.read(run.run_id)).dialogue.session.delegations == {}
    assert run.attempts == 1


@pytest.mark.slow
async def test_the_users_own_subagent_wins_and_its_file_is_read_at_the_call(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = tmp_path_factory.mktemp("home") / "looker.md"
    own.write_text(LOOKER.replace("closely", "from afar"))
    settings = Settings(
        strategy="act", subagents=(Subagent(name="looker", description="Looks.", path=str(own)),)
    )
    model = Scripts([[delegate("looker", "alpha")], MEND, DONE], alpha=["Seen."])

    await worked(folder, model, MemoryLog(), settings)

    assert "Look from afar." in model.by_task["alpha"].requests[0].messages[0].content


@pytest.mark.slow
async def test_the_first_call_after_a_subagent_is_not_said_to_be_in_a_new_session(folder: Path) -> None:
    model = Scripts([[delegate("looker", "alpha")], bash("ls"), MEND, DONE], alpha=["Nothing."])

    await worked(folder, model, MemoryLog())

    assert "restarted" not in results(model.run, 2)[1]
