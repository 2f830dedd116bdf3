"""Tests that take long: a model that acts is asked meanwhile."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack

import pytest

from coder.engine.agent import solve
from coder.engine.prompting.task_parts import late_baseline
from coder.engine.resume import resume
from coder.models.model import Answer, Asking, ChatMessage, Model, ToolCall
from coder.models.roles import RoleModels
from coder.models.scripted import Scripted
from coder.run.event_types import BaselineTaken, BaselineTest, ProgramFinished, ToolAnswered, parse
from coder.run.events import Event
from coder.run.run import Run
from coder.run.settings import Settings, StrategyName
from coder.run.task import Task
from coder.run.termination import nothing_to_mend
from coder.verify import baseline
from coder.verify.finding import Finding
from coder.verify.verification import Verification
from tests.coder.engine.participants.test_acting import DONE, EDIT, RIGHT, TEST, WRONG, bash, told
from tests.coder.engine.participants.test_acting_cut import cut_log
from tests.coder.engine.participants.test_planning import PLAN
from tests.coder.states import call, code, events, outcome, started, state_of
from tests.memory_log import MemoryLog
from tests.only_pytest import only_pytest

LONG = BaselineTaken(
    passed=True,
    seconds=60.0,
    tests=tuple(BaselineTest(name=f"test_{name}.py::test", passed=True) for name in ("calc", "other")),
)


class LateTests:
    """Tests that begin at a model's first answer, however fast the machine is, and the event of their end."""

    def __init__(self) -> None:
        self.may_begin, self.ended = asyncio.Event(), asyncio.Event()


class Unhurried(Scripted):
    """A model that is asked while tests are pending; its first answer comes before or after their end."""

    def __init__(self, late: LateTests, *answers: str | list[ToolCall], waits: bool = True) -> None:
        super().__init__(answers)
        self._late, self._waits = late, waits

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        answer = await super().answer(messages, **asking)
        self._late.may_begin.set()
        if self._waits:
            await self._late.ended.wait()
        return answer


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> LateTests:
    late, take = LateTests(), baseline.take_baseline

    async def take_late(*arguments: Any) -> BaselineTaken:
        await late.may_begin.wait()
        event = await take(*arguments)
        late.ended.set()
        return event

    monkeypatch.setattr(baseline, "take_baseline", take_late)
    monkeypatch.setattr(baseline, "FIRST_WAIT_S", 0.01)
    monkeypatch.setattr(baseline, "MAX_WAIT_S", 0.01)
    return late


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(TEST)
    return tmp_path


async def acted(model: Model, folder: Path, *, plan: bool = False, mends: bool = False) -> Run:
    settings = Settings(strategy="act", plan=plan, python=only_pytest())
    task = Task(prompt="Mend it.", workspace=folder, test_command=("pytest", "-q"), mends=mends)
    return await solve(task, model=model, settings=settings, log=MemoryLog())


@pytest.mark.slow
async def test_a_model_that_acts_is_asked_before_the_tests_have_ended_and_told_by_a_later_result(
    folder: Path, late: LateTests
) -> None:
    model = Unhurried(late, bash("true"), bash("true"), bash(FIX), DONE)

    run = await acted(model, folder)

    assert "if you make calls, a later result says how they end" in told(model, 1)
    assert ["-1 != 3" in told(model, request) for request in range(1, 5)] == [False, True, False, False]
    assert run.verified == "tests"


@pytest.mark.slow
async def test_an_answer_that_comes_first_is_tried_once_the_tests_have_ended(
    folder: Path, late: LateTests
) -> None:
    run = await acted(Unhurried(late, EDIT, waits=False), folder)

    assert late.ended.is_set()
    assert (run.verified, run.calls) == ("tests", 1)
    assert (folder / "calc.py").read_text() == RIGHT


@pytest.mark.slow
@pytest.mark.parametrize("strategy", ["one-shot", "repair"])
async def test_a_model_without_tools_is_asked_before_tests_that_were_found_have_ended(
    folder: Path, late: LateTests, strategy: StrategyName
) -> None:
    (folder / "CONTRIBUTING.md").write_text("Tests:\n\n```sh\npytest gone\n```\n")
    task = Task(prompt="Mend add in calc.py.", workspace=folder)
    model = Unhurried(late, f"`calc.py`\n```python\n{RIGHT}```\n", waits=False)
    settings = Settings(strategy=strategy, edit_format="whole", python=only_pytest())

    run = await solve(task, model=model, settings=settings, log=MemoryLog())

    assert (run.status, run.verified, run.calls) == ("solved", "tests", 1), run.reason
    assert run.test_command == "python -m unittest"


@pytest.mark.slow
async def test_a_planner_is_told_by_a_later_result_and_the_coder_by_its_first_message(
    folder: Path, late: LateTests
) -> None:
    model = Unhurried(late, bash("true"), bash("true"), PLAN, EDIT)

    await acted(model, folder, plan=True)

    assert "later result" in told(model, 1)
    assert ["-1 != 3" in told(model, request) for request in (2, 3, 4)] == [True, False, True]


@pytest.mark.slow
async def test_a_planner_without_calls_is_promised_no_later_result(folder: Path, late: LateTests) -> None:
    planner = Scripted(["1. Mend calc.py."], name="local/small-1B")
    coder = Unhurried(late, EDIT, waits=False)

    await acted(RoleModels(coder, {"planner": planner}), folder, plan=True)

    assert ["later result" in told(one, 1) for one in (planner, coder)] == [False, True]


@pytest.mark.slow
async def test_a_task_that_is_to_make_tests_pass_begins_with_what_fails(
    folder: Path, late: LateTests
) -> None:
    late.may_begin.set()
    model = Scripted([EDIT])

    run = await acted(model, folder, mends=True)

    assert "-1 != 3" in told(model, 1)
    assert run.verified == "tests"


class SecondRun:
    """The second run of tests on the untouched files: it waits until it may end."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def run(self, verification: Verification, *arguments: Any, **options: Any) -> Finding:
        """Run the test command, and wait unless it is the first time."""
        if options.get("traces"):  # the first run; files that it leaves are gone in the second
            await (await verification.bench.candidate()).write("first", b"")
            return await verification.run_command(*arguments, **options)
        finding = await verification.run_command(*arguments, **options)
        await self.may_end.wait()
        return finding


@pytest.fixture
def second_run(monkeypatch: pytest.MonkeyPatch) -> SecondRun:
    second = SecondRun()

    class Held(Verification):
        async def run_command(self, *arguments: Any, **options: Any) -> Finding:
            plain = Verification(self.bench, self.state, self.target, self.log)
            return await second.run(plain, *arguments, **options)

    monkeypatch.setattr(baseline, "Verification", Held)
    monkeypatch.setattr(baseline, "FIRST_WAIT_S", 3600.0)  # the first run is waited for
    return second


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(TEST)
    return tmp_path


class Ending(Scripted):
    """A model with whose second answer the second run of the tests may end."""

    def __init__(self, second: SecondRun, *answers: str | list[ToolCall]) -> None:
        super().__init__(answers)
        self._second = second

    async def answer(self, messages: Sequence[ChatMessage], **asking: Unpack[Asking]) -> Answer:
        answer = await super().answer(messages, **asking)
        if len(self.requests) == 2:
            self._second.may_end.set()
        return answer


EDIT_OF_NOTHING = bash("echo '# mended' >> calc.py")
FIX = "sed -i 's/a - b/a + b/' calc.py"
MENDS = Task(prompt="Mend it.", test_command=("pytest", "-q"), mends=True)


async def mended(
    folder: Path, second: SecondRun, *answers: str | list[ToolCall]
) -> tuple[Run, list[Event], Scripted]:
    """A run that is to make the tests of a folder pass, and its log."""
    model, log = Ending(second, *answers), MemoryLog()
    task, settings = (
        MENDS.model_copy(update={"workspace": folder}),
        Settings(strategy="act", python=only_pytest()),
    )
    run = await solve(task, model=model, settings=settings, log=log)
    return run, await log.read(run.run_id), model


def taken(log: list[Event]) -> list[BaselineTaken]:
    return [body for body in map(parse, log) if isinstance(body, BaselineTaken)]


@pytest.mark.slow
async def test_the_second_run_stands_beside_the_first_calls_and_sees_the_untouched_files(
    project: Path, second_run: SecondRun
) -> None:
    run, log, model = await mended(project, second_run, bash(FIX), DONE)

    first, second = taken(log)
    types = [
        event.type for event in log if event.type in ("baseline.taken", "tool.answered", "program.started")
    ]
    assert "-1 != 3" in told(model, 1)
    assert types[:4] == ["baseline.taken", "tool.answered", "baseline.taken", "program.started"]
    assert (first.is_preliminary, first.runs, second.is_preliminary, second.runs) == (True, 1, False, 2)
    assert (second.flaky, second.tests, second.failures) == ((), first.tests, first.failures)
    assert (run.status, run.verified) == ("solved", "tests")


@pytest.mark.slow
async def test_a_run_that_is_cut_between_the_two_runs_of_its_tests_ends_as_it_would_have(
    project: Path, second_run: SecondRun
) -> None:
    whole, events, _ = await mended(project, second_run, bash(FIX), DONE)
    edited = next(n for n, event in enumerate(events) if event.type == "tool.answered")
    (project / "calc.py").write_text(WRONG)
    cut, rest = await cut_log(events[: edited + 1], whole.run_id), Scripted([DONE])

    run = await resume(whole.run_id, model=rest, log=cut)

    ended = [taken(log)[-1] for log in (events, await cut.read(run.run_id))]
    assert len(rest.requests) == 1
    assert (ended[0].tests, ended[0].flaky, ended[0].runs) == (ended[1].tests, ended[1].flaky, ended[1].runs)
    assert (run.status, run.verified, run.files) == (whole.status, whole.verified, whole.files)


@pytest.mark.slow
async def test_no_model_is_asked_beside_the_second_run_of_tests_that_pass_in_the_first(
    project: Path, second_run: SecondRun
) -> None:
    (project / "calc.py").write_text(RIGHT)
    second_run.may_end.set()

    run, log, model = await mended(project, second_run)

    assert [(baseline.runs, baseline.is_preliminary) for baseline in taken(log)] == [(2, False)]
    assert (run.status, len(model.requests)) == ("solved", 0)


@pytest.mark.slow
async def test_a_fix_of_flaky_tests_alone_is_needless_once_they_have_run_twice(
    project: Path, second_run: SecondRun
) -> None:
    flaky = "import os\n\n\ndef test_second_time():\n    assert not os.path.exists('first')\n"
    (project / "calc.py").write_text(RIGHT)
    (project / "test_calc.py").write_text(flaky)

    run, log, _ = await mended(project, second_run, EDIT_OF_NOTHING, DONE)

    assert taken(log)[-1].flaky
    assert (run.status, run.landed) == ("unverified", ())
    assert "so it is flaky" in run.reason


def test_a_first_run_alone_shows_that_there_is_nothing_to_mend_only_with_the_second() -> None:
    first = LONG.model_copy(update={"is_preliminary": True, "runs": 1})
    task = MENDS.model_copy(update={"workspace": None})

    assert nothing_to_mend(state_of([started(task), first])) is None
    assert nothing_to_mend(state_of([started(task), first, LONG])) is not None


def test_a_second_run_is_told_where_it_ends_otherwise_than_the_first() -> None:
    words = (ChatMessage(role="user", content="Change it."),)
    request = call(1)[0].model_copy(update={"in_dialogue": True, "messages": words})
    first = LONG.model_copy(update={"is_preliminary": True, "runs": 1})
    flaky = LONG.model_copy(update={"tests": LONG.tests[:1], "flaky": (LONG.tests[1].name,)})

    assert not state_of([started(), first, request, LONG]).dialogue.owes_baseline
    assert state_of([started(), request, first, LONG]).dialogue.owes_baseline
    assert state_of([started(), first, request, flaky]).dialogue.owes_baseline
    assert LONG.tests[1].name in late_baseline(state_of([started(), first, request, flaky]), None)


def test_what_the_tests_said_before_the_work_is_owed_until_a_call_is_answered() -> None:
    words = (ChatMessage(role="user", content="Change it."),)
    request = call(1)[0].model_copy(update={"in_dialogue": True, "messages": words})
    edits = ToolAnswered(call=1, id="", name="edits", text="")
    answered = ToolAnswered(call=1, id="a", name="bash", text="")

    assert not state_of([started(), LONG, request]).dialogue.owes_baseline
    assert state_of([started(), request, LONG, edits]).dialogue.owes_baseline
    assert not state_of([started(), request, LONG, edits, answered]).dialogue.owes_baseline


def test_tests_that_take_long_are_not_on_the_runs_time() -> None:
    finished = ProgramFinished(what="verify", status="ok", exit_code=0, seconds=0.75, after={})
    short = LONG.model_copy(update={"seconds": 1.0})
    log = [started(), *call(1), LONG, code("a"), finished, outcome(passed=True)]
    brief = [short if body is LONG else body for body in log]

    assert state_of(log).spend.seconds == pytest.approx(len(events(log)) - 1 - 1 - 0.75)
    assert state_of(brief).spend.seconds == pytest.approx(len(events(log)) - 1)
