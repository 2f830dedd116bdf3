"""Attempts: runs of their own under one budget, of which the best lands, and which go on together."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Unpack

import pytest

from coder.base.errors import UsageError
from coder.engine.resume import fork
from coder.models.model import Answer, Asking, ChatMessage, ToolCall
from coder.models.scripted import Scripted
from coder.run.event_types import Parent
from coder.run.questions import Decision, Question
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.engine.participants.test_acting import DONE, RIGHT, WRONG, bash, call, project
from tests.coder.engine.participants.test_acting_cut import TEST
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

__all__ = ["project"]
Script = Sequence[str | list[ToolCall]]
MEND = [call("edit", path="calc.py", old="a - b", new="a + b")]
MEND_AND_MORE = bash("printf 'def add(a, b):\\n    c = a\\n    return c + b\\n' > calc.py")
BREAK = [call("edit", path="calc.py", old="a - b", new="a * b")]


class Several(Scripted):
    """A model with a script for each attempt, which it knows by the seed."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__(())
        self.scripts = [Scripted(script) for script in scripts]

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        sampling = asking["sampling"]
        script = self.scripts[(sampling.seed or 0) // 1000]
        return await script.answer(messages, sampling=sampling, form=asking.get("form"))


class Asked:
    """A watch that is asked, and says yes."""

    def __init__(self, answer: bool = True) -> None:
        self.questions: list[str] = []
        self._answer = answer

    def event(self, event: object) -> None: ...
    def token(self, text: str) -> None: ...
    def output(self, stream: object, data: bytes) -> None: ...

    def is_there(self, question: Question) -> bool:
        return True

    async def decide(self, question: Question) -> Decision:
        self.questions.append(question.text)
        return Decision(decision="yes" if self._answer else "no")


class Wishes(Asked):
    """A watch that wants another change at first."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = words

    async def decide(self, question: Question) -> Decision:
        answer = await super().decide(question)
        return answer if len(self.questions) > 1 else Decision(decision="no", words=self._words)


def settings_of(samples: int, **more: Any) -> Settings:
    return Settings(strategy="act", budget=Budget(samples=samples, **more))


async def raced(
    folder: Path | None, model: Several, log: MemoryLog, *, watch: Asked | None = None, **more: Any
) -> Run:
    task = Task(prompt="Mend add.", workspace=folder, test_command=TEST if folder else None)
    settings = settings_of(len(model.scripts), **more)
    return await solve(task, model=model, settings=settings, log=log, watch=watch)


@pytest.mark.slow
async def test_of_a_green_and_a_red_attempt_the_green_one_lands(project: Path) -> None:
    log, watch = MemoryLog(), Asked()

    run = await raced(project, Several([BREAK, DONE, DONE], [MEND, DONE]), log, watch=watch)

    assert (run.status, run.verified) == ("solved", "tests")
    assert (project / "calc.py").read_text() == RIGHT
    assert watch.questions == ["Change calc.py?"]
    (other,) = run.others
    assert (other.status, other.verified, other.lines, other.calls) == ("unsolved", "none", 2, 3)
    red = fold_all(await log.read(other.run_id))
    assert red.codes[-1].changes.files == {"calc.py": WRONG.replace("-", "*")}


@pytest.mark.slow
async def test_attempts_end_once_one_has_solved_the_task(project: Path) -> None:
    log = MemoryLog()
    model = Several([MEND, DONE], [bash("sleep 60"), MEND, DONE])

    run = await raced(project, model, log)

    assert (run.status, [one.status for one in run.others]) == ("solved", ["interrupted"])


class Unleased(MemoryLog):
    """A log that never gives the lease of the second attempt."""

    def lease(self, run: str) -> AbstractAsyncContextManager[int]:
        return self._never(run) if run.endswith(".2") else super().lease(run)

    @asynccontextmanager
    async def _never(self, run: str) -> AsyncIterator[int]:
        await asyncio.Event().wait()
        yield 0


@pytest.mark.slow
async def test_an_attempt_that_has_not_begun_holds_up_no_end(project: Path) -> None:
    run = await raced(project, Several([MEND, DONE], []), Unleased())

    assert (run.status, run.attempts, run.others) == ("solved", 2, ())


@pytest.mark.slow
async def test_of_two_failing_attempts_the_one_that_passes_more_checks_is_the_result() -> None:
    wrong = "`solution.py`\n```python\ndef add(a, b):\n    return {}\n```"
    task = Task(prompt="Write add(a, b).", checks=("assert add(1, 2) == 3", "assert add(2, 2) == 5"))
    model = Several([wrong.format("0")] * 4, [wrong.format("3")] * 4)

    run = await solve(task, model=model, settings=settings_of(2, max_calls=8), log=MemoryLog())

    assert (run.status, len(run.others)) == ("unsolved", 1)
    assert "return 3" in run.files["solution.py"]


@pytest.mark.slow
async def test_given_tests_count_more_than_a_check_of_the_answers_own(project: Path) -> None:
    (project / "test_calc.py").unlink()
    task = Task(prompt="Mend add.", workspace=project)
    check = [call("done", summary="It adds.", check="python3 -c 'import calc; assert calc.add(1, 2) == 3'")]
    model, log = Several([bash("touch notes.txt"), DONE, DONE], [MEND_AND_MORE, check]), MemoryLog()

    run = await solve(task, model=model, settings=settings_of(2), log=log)

    assert (run.verified, [one.verified for one in run.others]) == ("reproduced", ["none"])
    assert not (project / "notes.txt").exists()


@pytest.mark.slow
async def test_attempts_stand_in_no_list_and_share_the_limits_of_their_run(project: Path) -> None:
    log = MemoryLog()
    script = [BREAK, DONE, BREAK, DONE, MEND, DONE]
    model = Several(script, script, script)

    run = await raced(project, model, log, max_calls=10, max_cost=Decimal(1))

    assert [summary.run for summary in await log.runs()] == [run.run_id]
    states = [fold_all(await log.read(f"{run.run_id}.{number}")) for number in (1, 2, 3)]
    assert [state.progress.parent for state in states] == [
        Parent(run=run.run_id, attempt=number) for number in (1, 2, 3)
    ]
    assert sum(state.spend.calls for state in states) == run.calls <= 10
    assert max(state.spend.calls for state in states) > 10 // 3
    temperatures = [script.requests[0].sampling.temperature for script in model.scripts]
    assert temperatures == [0.0, 0.8, 0.8]


@pytest.mark.slow
async def test_an_attempt_is_continued_with_its_run_alone(project: Path) -> None:
    log = MemoryLog()
    run = await raced(project, Several([BREAK, DONE, DONE], [BREAK, DONE, DONE]), log)

    with pytest.raises(UsageError, match=f"resume {run.run_id}$"):
        await resume(f"{run.run_id}.1", log=log, model=Scripted([]))


class InStep(Several):
    """Gives the attempts' first answers, so many of each, once all attempts have asked for theirs."""

    def __init__(self, *scripts: Script, steps: int) -> None:
        super().__init__(*scripts)
        self._steps, self._all = steps, asyncio.Barrier(len(scripts))

    async def answer(self, *arguments: Any, **keywords: Any) -> Answer:
        answer = await super().answer(*arguments, **keywords)
        if len(self.scripts[(keywords["sampling"].seed or 0) // 1000].requests) <= self._steps:
            async with asyncio.timeout(300):
                await self._all.wait()
        return answer


@pytest.mark.slow
async def test_at_each_step_all_attempts_are_asked_at_once(project: Path) -> None:
    script = [bash("true"), bash("ls"), bash("pwd"), MEND, DONE]

    run = await raced(project, InStep(script, script, script, steps=4), MemoryLog())

    assert run.status == "solved"


@pytest.mark.slow
async def test_where_all_are_red_the_best_is_told_and_nothing_is_asked(project: Path) -> None:
    watch, log = Asked(), MemoryLog()

    run = await raced(project, Several([BREAK, DONE, DONE], [BREAK, DONE, DONE]), log, watch=watch)

    assert (run.status, [one.status for one in run.others]) == ("unsolved", ["unsolved"])
    assert watch.questions == []
    assert (project / "calc.py").read_text() == WRONG


@pytest.mark.slow
async def test_a_no_to_the_chosen_attempt_lands_none(project: Path) -> None:
    run = await raced(project, Several([MEND, DONE], [MEND, DONE]), MemoryLog(), watch=Asked(answer=False))

    assert run.status == "refused"
    assert (project / "calc.py").read_text() == WRONG


class Endless(Several):
    """A model that never gives its second answers."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__(*scripts)
        self.waiting, self.has_begun = 0, asyncio.Event()

    async def answer(self, *arguments: Any, **keywords: Any) -> Answer:
        if self.scripts[(keywords["sampling"].seed or 0) // 1000].requests:
            self.waiting += 1
            if self.waiting == len(self.scripts):
                self.has_begun.set()
            await asyncio.Event().wait()
        return await super().answer(*arguments, **keywords)


@pytest.mark.slow
async def test_an_end_from_outside_ends_all_and_a_resume_continues_all(project: Path) -> None:
    log, endless = MemoryLog(), Endless([bash("ls")], [bash("ls")])
    work = asyncio.create_task(raced(project, endless, log))
    await endless.has_begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    (summary,) = await log.runs()
    runs = [summary.run, f"{summary.run}.1", f"{summary.run}.2"]
    states = [fold_all(await log.read(run)) for run in runs]
    assert [state.progress.stopped.status for state in states if state.progress.stopped] == [
        "interrupted"
    ] * 3
    model = Several([MEND, DONE], [BREAK, DONE, DONE])
    again = await resume(summary.run, log=log, model=model)
    assert (again.status, again.attempts) == ("solved", 2)
    assert (project / "calc.py").read_text() == RIGHT
    assert all(len(script.requests[0].messages) > 2 for script in model.scripts)  # their dialogues go on


@pytest.mark.slow
async def test_an_attempt_can_be_forked_and_its_fork_lands(project: Path) -> None:
    log = MemoryLog()
    first = await raced(project, Several([BREAK, DONE, DONE], [BREAK, DONE, DONE]), log)
    model = Scripted([[call("edit", path="calc.py", old="a * b", new="a + b")], DONE])

    with pytest.raises(UsageError, match=f"{first.run_id}.1, {first.run_id}.2"):
        await fork(first.run_id, step=1, log=log, model=model)
    run = await fork(f"{first.run_id}.1", step=1, say="Add.", log=log, model=model)

    assert run.status == "solved"
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_a_question_of_an_attempt_is_answered_through_its_run(project: Path) -> None:
    log, ask = MemoryLog(), [call("ask", question="Which sign?", options=["+", "*"])]
    first = await raced(project, Several([ask, MEND, DONE], [ask, MEND, DONE]), log)

    assert (first.status, first.question and first.question.text) == ("waiting", "Which sign?")
    run = await resume(first.run_id, answer="+", log=log, model=Several([MEND, DONE], [MEND, DONE]))
    assert run.status in ("solved", "waiting")


@pytest.mark.slow
async def test_a_wish_for_another_change_goes_to_the_chosen_attempt(project: Path) -> None:
    log = MemoryLog()
    rename = [call("edit", path="calc.py", old="return a + b", new="return b + a")]
    model = Several([MEND, DONE, rename, DONE], [BREAK, DONE, DONE])
    watch = Wishes("Swap them.")

    run = await raced(project, model, log, watch=watch)

    assert run.status == "solved"
    assert (project / "calc.py").read_text() == RIGHT.replace("a + b", "b + a")
    assert "Swap them." in str(model.scripts[0].requests[2].messages[-1])


@pytest.mark.slow
async def test_without_a_folder_the_best_attempt_is_the_result() -> None:
    wrong, right = (f"`solution.py`\n```python\ndef add(a, b):\n    return a {sign} b\n```" for sign in "-+")
    task = Task(prompt="Write add(a, b).", checks=("assert add(1, 2) == 3",))
    model = Several([wrong, wrong, wrong, wrong], [right])

    run = await solve(task, model=model, settings=settings_of(2, max_calls=8), log=MemoryLog())

    assert (run.status, run.verified, len(run.others)) == ("solved", "checks", 1)
