"""Best of n where the model acts: sessions side by side, each a run of its own, and the best one lands."""

import asyncio
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from coder.agent import fork, resume, solve
from coder.errors import UsageError
from coder.models.model import Answer, ChatMessage, Form, OnRetry, Sampling, ToolCall
from coder.models.scripted import Scripted
from coder.run.questions import Decision, Question
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.participants.test_actor import DONE, RIGHT, WRONG, bash, call, project
from tests.coder.participants.test_actor_cut import TEST
from tests.memory_log import MemoryLog

__all__ = ["project"]
Script = Sequence[str | list[ToolCall]]
MEND = [call("edit", path="calc.py", old="a - b", new="a + b")]
MEND_AND_MORE = bash("printf 'def add(a, b):\\n    c = a\\n    return c + b\\n' > calc.py")
BREAK = [call("edit", path="calc.py", old="a - b", new="a * b")]


class Several(Scripted):
    """A model with a script for each attempt, which it knows by the seed."""

    def __init__(self, *scripts: Script, pause_s: float = 0.0) -> None:
        super().__init__(())
        self.scripts = [Scripted(script) for script in scripts]
        self._pause_s = pause_s

    async def answer(
        self,
        messages: Sequence[ChatMessage],
        *,
        sampling: Sampling,
        form: Form | None = None,
        on_token: Callable[[str], None] | None = None,
        on_retry: OnRetry | None = None,
    ) -> Answer:
        await asyncio.sleep(self._pause_s)  # what a model takes to answer
        script = self.scripts[sampling.seed or 0]
        return await script.answer(messages, sampling=sampling, form=form)


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


def settings_of(samples: int, **more: Any) -> Settings:
    return Settings(strategy="act", budget=Budget(samples=samples, **more))


async def raced(
    folder: Path | None, model: Several, log: MemoryLog, *, watch: Asked | None = None, **more: Any
) -> Run:
    task = Task(prompt="Mend add.", workspace=folder, test_command=TEST if folder else None)
    settings = settings_of(len(model.scripts), **more)
    return await solve(task, model=model, settings=settings, log=log, watch=watch)


async def test_of_a_green_and_a_red_attempt_the_green_one_lands(project: Path) -> None:
    log, watch = MemoryLog(), Asked()

    run = await raced(project, Several([BREAK, DONE, DONE], [MEND, DONE]), log, watch=watch)

    assert (run.status, run.verified) == ("solved", "tests")
    assert (project / "calc.py").read_text() == RIGHT
    assert watch.questions == ["Change calc.py?"]
    (other,) = run.others
    assert (other.status, other.verified, other.lines, other.calls) == ("unsolved", "none", 2, 3)
    red = fold_all(await log.read(other.run_id))
    assert red.codes[-1].files == {"calc.py": WRONG.replace("-", "*")}


@pytest.mark.parametrize("first", [True, False])
async def test_of_two_green_attempts_the_smaller_change_lands(project: Path, first: bool) -> None:
    log, scripts = MemoryLog(), [[MEND_AND_MORE, DONE], [MEND, DONE]]
    watch = Asked()

    run = await raced(project, Several(*(scripts[::-1] if first else scripts)), log, watch=watch)

    assert (project / "calc.py").read_text() == RIGHT
    assert [(one.status, one.verified, one.lines) for one in run.others] == [("solved", "tests", 3)]
    assert len(watch.questions) == 1
    other = fold_all(await log.read(run.others[0].run_id))
    assert other.landing.proposed is not None
    assert "+    c = a" in other.landing.proposed.patch
    assert other.landing.written == ()


async def test_given_tests_count_more_than_a_check_of_the_answers_own(project: Path) -> None:
    (project / "test_calc.py").unlink()
    task = Task(prompt="Mend add.", workspace=project)
    check = [call("done", summary="It adds.", check="python3 -c 'import calc; assert calc.add(1, 2) == 3'")]
    model, log = Several([bash("touch notes.txt"), DONE, DONE], [MEND_AND_MORE, check]), MemoryLog()

    run = await solve(task, model=model, settings=settings_of(2), log=log)

    assert (run.verified, [one.verified for one in run.others]) == ("reproduced", ["none"])
    assert not (project / "notes.txt").exists()


async def test_every_run_says_which_attempt_it_is_and_keeps_its_share_of_the_limits(project: Path) -> None:
    log = MemoryLog()
    model = Several([MEND, DONE], [MEND, DONE], [MEND, DONE])

    run = await raced(project, model, log, calls=10, cost_usd=Decimal(1))

    states = [fold_all(await log.read(summary.run)) for summary in await log.runs()]
    said = {state.progress.origin.words for state in states if state.progress.origin is not None}
    assert said == {f"attempt {n} of 3 of {run.run_id}" for n in (1, 2, 3)}
    budgets = [state.spend.budget for state in states]
    assert [(budget.calls, str(budget.cost_usd)) for budget in budgets] == [(3, "0.3333")] * 3
    temperatures = [script.requests[0].sampling.temperature for script in model.scripts]
    assert temperatures == [0.0, 0.8, 0.8]


@pytest.mark.slow
async def test_attempts_take_about_as_long_as_one(project: Path) -> None:
    script = [bash("true"), bash("true"), bash("ls"), bash("pwd"), MEND, DONE]

    async def taken(count: int) -> float:
        (project / "calc.py").write_text(WRONG)
        began = time.monotonic()
        run = await raced(project, Several(*[script] * count, pause_s=0.3), MemoryLog())
        assert run.status == "solved"
        return time.monotonic() - began

    one, three = await taken(1), await taken(3)

    assert three < 1.7 * one, (one, three)


async def test_where_all_are_red_the_best_is_told_and_nothing_is_asked(project: Path) -> None:
    watch, log = Asked(), MemoryLog()

    run = await raced(project, Several([BREAK, DONE, DONE], [BREAK, DONE, DONE]), log, watch=watch)

    assert (run.status, [one.status for one in run.others]) == ("unsolved", ["unsolved"])
    assert watch.questions == []
    assert (project / "calc.py").read_text() == WRONG


async def test_a_no_to_the_chosen_attempt_lands_none(project: Path) -> None:
    run = await raced(project, Several([MEND, DONE], [MEND, DONE]), MemoryLog(), watch=Asked(answer=False))

    assert (run.status, [one.status for one in run.others]) == ("refused", ["solved"])
    assert (project / "calc.py").read_text() == WRONG


async def test_an_end_from_outside_ends_all_and_each_can_go_on(project: Path) -> None:
    log, has_begun, waiting = MemoryLog(), asyncio.Event(), list[Several]()

    class Endless(Several):
        async def answer(self, *arguments: Any, **keywords: Any) -> Answer:
            if self.scripts[keywords["sampling"].seed or 0].requests:
                waiting.append(self)
                if len(waiting) == len(self.scripts):
                    has_begun.set()
                await asyncio.Event().wait()
            return await super().answer(*arguments, **keywords)

    work = asyncio.create_task(raced(project, Endless([bash("ls")], [bash("ls")]), log))
    await has_begun.wait()
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work

    runs = [summary.run for summary in await log.runs()]
    states = [fold_all(await log.read(run)) for run in runs]
    assert [state.progress.stopped.status for state in states if state.progress.stopped] == [
        "interrupted"
    ] * 2
    again = await resume(runs[0], log=log, model=Scripted([MEND, DONE]))
    assert again.status == "solved"
    assert (project / "calc.py").read_text() == RIGHT


async def test_an_attempt_can_be_forked(project: Path) -> None:
    log = MemoryLog()
    first = await raced(project, Several([BREAK, DONE, DONE], [BREAK, DONE, DONE]), log)
    model = Scripted([[call("edit", path="calc.py", old="a * b", new="a + b")], DONE])

    run = await fork(first.run_id, step=1, say="Add.", log=log, model=model)

    assert run.status == "solved"


async def test_too_few_calls_for_all_attempts_are_refused(project: Path) -> None:
    with pytest.raises(UsageError, match="8 calls are too few for 3 attempts"):
        await raced(project, Several([], [], []), MemoryLog(), calls=8)


async def test_without_a_folder_the_best_attempt_is_the_result() -> None:
    wrong, right = (f"`solution.py`\n```python\ndef add(a, b):\n    return a {sign} b\n```" for sign in "-+")
    task = Task(prompt="Write add(a, b).", checks=("assert add(1, 2) == 3",))
    model = Several([wrong, wrong, wrong, wrong], [right])

    run = await solve(task, model=model, settings=settings_of(2, calls=8), log=MemoryLog())

    assert (run.status, run.verified, len(run.others)) == ("solved", "checks", 1)
