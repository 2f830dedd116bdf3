"""Questions to a person: durable, asked once, and answered now, later or from elsewhere."""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from coder.base.errors import LeaseHeld, UsageError
from coder.engine.requests import answer, stop, when_free
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.event_types import QuestionAsked
from coder.run.questions import Decision, Question, question_id
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.show.advice import next_steps
from coder.store import SqliteLog
from tests.git_repository import ENVIRONMENT, make_repository
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

YES, NO = Decision(decision="yes"), Decision(decision="no")
WRONG, RIGHT = "x = 1\n", "x = 2\n"
CHECK = ("assert x == 2",)
EDIT = f"main.py\n```\n<<<<<<< SEARCH\n{WRONG}=======\n{RIGHT}>>>>>>> REPLACE\n```\n"


class Person(Unwatched):
    """Somebody who is there, with answers ready."""

    def __init__(self, *decisions: Decision) -> None:
        self._decisions = list(decisions)
        self.asked: list[Question] = []

    def is_there(self, question: Question) -> bool:
        """Always."""
        return True

    async def decide(self, question: Question) -> Decision:
        """The next answer."""
        self.asked.append(question)
        return self._decisions.pop(0)


def code(text: str) -> str:
    return f"`main.py`\n```python\n{text}```"


def deploy_call(place: str = "here") -> list[ToolCall]:
    return [ToolCall(id=f"deploy{place}", name="deploy", arguments=json.dumps({"place": place}))]


DONE = [ToolCall(id="done00001", name="done", arguments=json.dumps({"summary": "Done."}))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(WRONG)
    return tmp_path


async def worked(
    folder: Path, model: Scripted, log: MemoryLog, *approve: Any, strategy: Any = "repair", **options: Any
) -> Run:
    task = Task(prompt="Make x in main.py 2.", workspace=folder, checks=CHECK)
    settings = Settings(strategy=strategy, approve=approve)
    return await solve(task, model=model, settings=settings, log=log, **options)


async def state_of(log: MemoryLog, run: Run) -> State:
    return fold_all(await log.read(run.run_id))


async def test_a_landing_that_waits_for_a_yes_lands_when_it_comes_and_no_call_is_made_again(
    folder: Path,
) -> None:
    now = [1_000.0]
    log, model = MemoryLog(clock=lambda: now[0]), Scripted([code(RIGHT)])
    waiting = await worked(folder, model, log, "landing")
    assert (waiting.status, waiting.exit_code, (folder / "main.py").read_text()) == ("waiting", 9, WRONG)
    assert waiting.question is not None
    assert "+x = 2" in waiting.question.patch

    now[0] += 3600.0
    await answer(waiting.run_id, Decision(decision="yes", who="ann@there", how="approve"), log=log)
    done = await resume(waiting.run_id, model=model, log=log)

    assert (done.status, done.landed, (folder / "main.py").read_text()) == ("solved", ("main.py",), RIGHT)
    assert len(model.requests) == 1
    assert done.seconds == waiting.seconds


async def test_without_approve_nobody_is_asked_and_the_log_holds_no_question(folder: Path) -> None:
    log = MemoryLog()
    run = await worked(folder, Scripted([code(RIGHT)]), log)

    assert run.landed == ("main.py",)
    assert not [event for event in await log.read(run.run_id) if event.type.startswith("question.")]


async def test_a_plain_no_ends_the_run_as_refused_and_a_resume_asks_again(folder: Path) -> None:
    log, model = MemoryLog(), Scripted([code(RIGHT)])
    waiting = await worked(folder, model, log, "landing")

    refused = await resume(waiting.run_id, model=model, log=log, answer=NO)
    assert (refused.status, refused.exit_code, (folder / "main.py").read_text()) == ("refused", 7, WRONG)
    person = Person(YES)
    landed = await resume(waiting.run_id, model=model, log=log, watch=person)
    assert (landed.landed, len(person.asked)) == (("main.py",), 1)


async def test_a_no_with_a_reason_is_what_the_next_repair_is_told(folder: Path) -> None:
    log, model = MemoryLog(), Scripted([code(RIGHT), code("x = 1 + 1\n")])
    waiting = await worked(folder, model, log, "landing")

    words = Decision(decision="no", words="as a sum, please")
    again = await resume(waiting.run_id, model=model, log=log, answer=words)
    assert again.status == "waiting"
    assert "as a sum, please" in model.requests[1].messages[-1].content
    await resume(waiting.run_id, model=model, log=log, answer=YES)
    assert (folder / "main.py").read_text() == "x = 1 + 1\n"


async def test_the_users_own_version_is_tried_and_lands_without_another_question(folder: Path) -> None:
    log, model = MemoryLog(), Scripted([code(RIGHT)])
    waiting = await worked(folder, model, log, "landing")

    own = Decision(decision="no", files={"main.py": "x = 4 // 2\n"})
    done = await resume(waiting.run_id, model=model, log=log, answer=own)

    assert (done.status, (folder / "main.py").read_text()) == ("solved", "x = 4 // 2\n")


async def test_somebody_who_is_there_is_asked_at_once_and_both_are_in_the_log(folder: Path) -> None:
    log, person = MemoryLog(), Person(YES)
    run = await worked(folder, Scripted([code(RIGHT)]), log, "landing", watch=person)

    types = [event.type for event in await log.read(run.run_id)]
    assert types.index("question.asked") < types.index("question.answered") < types.index("landing.planned")
    assert run.landed == ("main.py",)


async def test_a_question_of_the_model_is_put_to_somebody_who_is_there(folder: Path) -> None:
    calls = [ToolCall(id="ask000001", name="ask", arguments='{"question": "Why?", "options": ["a", "b"]}')]
    model, person = Scripted([calls, EDIT]), Person(Decision(decision="b"), YES)
    run = await worked(folder, model, MemoryLog(), strategy="act", watch=person)

    assert (run.status, person.asked[0].kind, person.asked[0].options) == ("solved", "choose", ("a", "b"))
    assert model.requests[1].messages[-1].content == "b"


async def test_an_answer_with_bytes_of_no_character_reaches_the_model(folder: Path) -> None:
    calls, log = [ToolCall(id="ask000001", name="ask", arguments='{"question": "Why?"}')], MemoryLog()
    model = Scripted([calls, EDIT])
    waiting = await worked(folder, model, log, strategy="act")
    done = await resume(waiting.run_id, model=model, log=log, answer="caf\udce9")

    assert (done.status, model.requests[1].messages[-1].content) == ("solved", "caf\ufffd")


async def test_an_answer_by_number_is_the_option(folder: Path) -> None:
    question = Question(kind="choose", about="task", text="Which?", options=("ints", "floats"))

    assert question.worded(" 2 ").decision == "floats"
    assert question.worded("3").words == "3"
    assert question.worded("ints").decision == "ints"


async def test_the_second_answer_is_told_who_was_first(folder: Path) -> None:
    log = MemoryLog()
    waiting = await worked(folder, Scripted([code(RIGHT)]), log, "landing")
    await answer(waiting.run_id, Decision(decision="yes", who="ann@there"), log=log)

    with pytest.raises(UsageError, match="answered already by ann@there: yes"):
        await answer(waiting.run_id, NO, log=log)


async def test_an_answer_waits_until_the_run_s_process_has_let_go_of_it(folder: Path) -> None:
    log = MemoryLog()
    waiting = await worked(folder, Scripted([code(RIGHT)]), log, "landing")
    refused = asyncio.Event()

    async def work() -> None:
        refused.set()
        await answer(waiting.run_id, YES, log=log)

    async with log.lease(waiting.run_id):
        answering = asyncio.create_task(when_free(work))
        await refused.wait()
    await answering

    assert (await state_of(log, waiting)).questions.answers


@pytest.mark.slow
async def test_of_fifty_who_answer_at_once_one_is_heard(tmp_path: Path, folder: Path) -> None:
    home = tmp_path / "home"
    with SqliteLog(home) as log:
        waiting = await worked(folder, Scripted([code(RIGHT)]), log, "landing")  # type: ignore[arg-type]

    async def answers(number: int) -> str:
        with SqliteLog(home) as own:
            while True:
                try:
                    await answer(waiting.run_id, Decision(decision="yes", who=f"nr{number}"), log=own)
                except LeaseHeld:
                    await asyncio.sleep(0)
                except UsageError as error:
                    return str(error)
                else:
                    return "heard"

    replies = await asyncio.gather(*map(answers, range(50)))
    assert replies.count("heard") == 1
    winner = f"nr{replies.index('heard')}"
    assert sum(f"answered already by {winner}: yes" in words for words in replies) == 49


async def test_words_that_are_neither_yes_nor_no_decide_nothing(folder: Path) -> None:
    log = MemoryLog()
    waiting = await worked(folder, Scripted([code(RIGHT)]), log, "landing")

    with pytest.raises(UsageError, match="yes or no"):
        await answer(waiting.run_id, Decision(decision="", words="perhaps"), log=log)
    assert (await state_of(log, waiting)).questions.open is not None


class Deployments:
    """A tool with an effect outside of the sandbox."""

    def __init__(self, fails: Sequence[int] = ()) -> None:
        self.made: list[str] = []
        self._fails = list(fails)

    def tool(self) -> Any:
        """The function."""

        def deploy(place: str) -> str:
            """Deploy it."""
            self.made.append(place)
            if len(self.made) in self._fails:
                raise KeyboardInterrupt
            return "deployed"

        return deploy


async def test_a_tool_with_effects_is_called_once_it_is_allowed_and_not_before(folder: Path) -> None:
    log, deployments = MemoryLog(), Deployments()
    model = Scripted([deploy_call(), EDIT])
    waiting = await worked(folder, model, log, "tools", strategy="act", tools=[deployments.tool()])
    assert (waiting.status, deployments.made) == ("waiting", [])
    assert waiting.question is not None
    assert "deploy" in waiting.question.text
    assert "here" in waiting.question.text

    done = await resume(waiting.run_id, model=model, log=log, answer=YES, tools=[deployments.tool()])
    assert (done.status, deployments.made, len(model.requests)) == ("solved", ["here"], 2)


async def test_each_call_of_a_tool_is_asked_about_unless_the_answer_was_always(folder: Path) -> None:
    answers: list[str | list[ToolCall]] = [*map(deploy_call, "abc"), EDIT]
    deployments, person = Deployments(), Person(YES, Decision(decision="always"), YES)
    await worked(
        folder,
        Scripted(answers),
        MemoryLog(),
        "tools",
        strategy="act",
        tools=[deployments.tool()],
        watch=person,
    )

    assert deployments.made == ["a", "b", "c"]
    assert [question.about for question in person.asked] == ["tools", "tools", "landing"]


async def test_a_call_that_is_not_allowed_is_told_to_the_model_and_never_made(folder: Path) -> None:
    model, deployments = Scripted([deploy_call(), EDIT]), Deployments()
    person = Person(Decision(decision="no", words="on Monday"), YES)
    await worked(
        folder, model, MemoryLog(), "tools", strategy="act", tools=[deployments.tool()], watch=person
    )

    assert deployments.made == []
    assert "did not allow this call. They say: on Monday" in model.requests[1].messages[-1].content


async def test_a_call_with_effects_that_was_cut_off_is_made_again_only_where_a_person_says_so(
    folder: Path,
) -> None:
    log, deployments = MemoryLog(), Deployments(fails=[1])
    model = Scripted([deploy_call(), EDIT])
    with pytest.raises(KeyboardInterrupt):
        await worked(folder, model, log, strategy="act", tools=[deployments.tool()])
    run = (await log.runs())[0].run

    waiting = await resume(run, model=model, log=log, tools=[deployments.tool()])
    assert (waiting.status, deployments.made) == ("waiting", ["here"])
    done = await resume(run, model=model, log=log, tools=[deployments.tool()], answer=NO)
    assert (done.status, deployments.made) == ("solved", ["here"])
    assert "cut off" in model.requests[1].messages[-1].content


async def test_a_plan_is_followed_once_it_is_agreed_to_and_written_again_by_words(folder: Path) -> None:
    log, model = MemoryLog(), Scripted(["1. Guess.", "1. Measure.", code(RIGHT)])
    waiting = await worked(folder, model, log, "plan")
    assert waiting.question is not None
    assert "Guess" in waiting.question.text

    words = Decision(decision="no", words="measure first")
    again = await resume(waiting.run_id, model=model, log=log, answer=words)
    assert again.question is not None
    assert "Measure" in again.question.text
    done = await resume(waiting.run_id, model=model, log=log, answer=YES)

    assert (done.status, len(model.requests)) == ("solved", 3)
    assert "measure first" in model.requests[1].messages[-1].content
    assert "Measure" in model.requests[2].messages[-1].content


@pytest.mark.slow
async def test_a_commit_on_a_branch_waits_as_well(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    repository = make_repository(folder)
    repository.commit()
    log, model = MemoryLog(), Scripted([code(RIGHT)])
    task = Task(prompt="Make x in main.py 2.", workspace=folder, checks=CHECK)
    settings = Settings(strategy="repair", approve=("landing",), branch="two")
    waiting = await solve(task, model=model, settings=settings, log=log)
    assert (waiting.status, "two" in repository.git("branch")) == ("waiting", False)

    done = await resume(waiting.run_id, model=model, log=log, answer=YES)
    assert (done.status, done.branch) == ("solved", "two")


@pytest.mark.slow
async def test_time_that_a_live_question_takes_ends_no_turn(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Person):
        async def decide(self, question: Question) -> Decision:
            decision = await super().decide(question)
            await asyncio.sleep(0.01)  # timeouts see the hour
            return decision

    person = Slow(YES, YES)  # who takes an hour for each question

    def now(_: object) -> float:
        return time.monotonic() + 3600 * len(person.asked)

    monkeypatch.setattr(asyncio.BaseEventLoop, "time", now)

    answers: list[str | list[ToolCall]] = [deploy_call(), EDIT]
    task = Task(prompt="Make x in main.py 2.", workspace=folder, checks=CHECK)
    settings = Settings(strategy="act", approve=("tools",))
    settings = settings.model_copy(update={"budget": settings.budget.model_copy(update={"timeout": 600.0})})
    run = await solve(
        task,
        model=Scripted(answers),
        settings=settings,
        log=MemoryLog(),
        watch=person,
        tools=[Deployments().tool()],
    )

    assert run.status == "solved"


def test_the_id_of_a_question_is_the_same_on_another_day_and_of_another_text_another() -> None:
    assert question_id("run_a", 3, "x") == question_id("run_a", 3, "x")
    assert (
        len({question_id("run_a", 3, "x"), question_id("run_a", 4, "x"), question_id("run_b", 3, "x")}) == 3
    )


def test_what_only_a_live_person_needs_is_not_logged() -> None:
    question = QuestionAsked(
        id="1", kind="approve", about="landing", text="?", files={"a": "b"}, by_flag=True
    )
    assert question.draft().body == {"kind": "approve", "about": "landing", "text": "?", "by": "", "id": "1"}


class Endless(Scripted):
    """A model that never answers."""

    async def answer(self, *arguments: Any, **options: Any) -> Any:
        """Wait."""
        await asyncio.Event().wait()


@pytest.mark.slow
async def test_a_run_that_is_asked_to_stop_from_elsewhere_waits_for_no_answer_and_goes_on(
    tmp_path: Path, folder: Path
) -> None:
    with SqliteLog(tmp_path / "home") as log, SqliteLog(tmp_path / "home") as other:
        working = asyncio.create_task(worked(folder, Endless([]), log))  # type: ignore[arg-type]
        while not (runs := await other.runs()) or runs[0].last.type != "attempt.started":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        ended = await stop(runs[0].run, "ann@there", log=other)

        assert (ended.status, ended.reason) == ("interrupted", "stopped by ann@there")
        assert (await working).exit_code == 130
        assert (folder / "main.py").read_text() == WRONG
        done = await resume(runs[0].run, model=Scripted([code(RIGHT)]), log=log)
        assert done.status == "solved"


async def test_a_run_that_waits_or_was_killed_is_stopped_without_its_process(folder: Path) -> None:
    log = MemoryLog()
    waiting = await worked(folder, Scripted([code(RIGHT)]), log, "landing")
    ended = await stop(waiting.run_id, "ann@there", log=log)

    assert (ended.status, (await state_of(log, waiting)).questions.open) == ("interrupted", None)
    assert (await stop(waiting.run_id, "ben@there", log=log)).reason == "stopped by ann@there"


async def test_a_run_that_has_ended_is_not_stopped(folder: Path) -> None:
    log = MemoryLog()
    run = await worked(folder, Scripted([code(RIGHT)]), log)

    with pytest.raises(UsageError, match="has ended already: solved"):
        await stop(run.run_id, "ann@there", log=log)


@pytest.mark.slow
async def test_a_yes_to_one_call_allows_no_other_that_comes_with_the_same_id(folder: Path) -> None:
    def call(place: str) -> list[ToolCall]:
        return [ToolCall(id="call_0", name="deploy", arguments=json.dumps({"place": place}))]

    deployments, person = Deployments(), Person(YES, NO, YES)
    model = Scripted([call("staging"), call("production"), EDIT])
    await worked(
        folder, model, MemoryLog(), "tools", strategy="act", tools=[deployments.tool()], watch=person
    )

    assert deployments.made == ["staging"]
    assert ["production" in question.text for question in person.asked] == [False, True, False]


@pytest.mark.slow
async def test_each_crash_of_a_call_with_effects_is_asked_about(folder: Path) -> None:
    log, deployments = MemoryLog(), Deployments(fails=[1, 2])
    model = Scripted([deploy_call(), EDIT])
    with pytest.raises(KeyboardInterrupt):
        await worked(folder, model, log, strategy="act", tools=[deployments.tool()])
    run = (await log.runs())[0].run
    await resume(run, model=model, log=log, tools=[deployments.tool()])
    with pytest.raises(KeyboardInterrupt):
        await resume(run, model=model, log=log, tools=[deployments.tool()], answer=YES)

    again = await resume(run, model=model, log=log, tools=[deployments.tool()])
    assert (again.status, deployments.made) == ("waiting", ["here", "here"])


@pytest.mark.slow
async def test_an_answer_to_a_question_that_another_one_has_followed_is_refused(folder: Path) -> None:
    log, model = MemoryLog(), Scripted([code(RIGHT), code("x = 1 + 1\n")])
    waiting = await worked(folder, model, log, "landing")
    read = (await state_of(log, waiting)).questions.open
    assert read is not None
    await resume(waiting.run_id, model=model, log=log, answer=Decision(decision="no", words="as a sum"))

    with pytest.raises(UsageError, match="asks something else now"):
        await answer(waiting.run_id, YES, question_id=read.id, log=log)
    assert (folder / "main.py").read_text() == WRONG


@pytest.mark.slow
async def test_the_change_that_is_shown_is_the_one_that_is_committed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    repository = make_repository(folder)
    repository.commit()
    log, model = MemoryLog(), Scripted([code(RIGHT), code("x = 1 + 1\n")])
    task = Task(prompt="Make x in main.py 2.", workspace=folder, checks=CHECK)
    settings = Settings(strategy="repair", approve=("landing",), branch="two")
    first = await solve(task, model=model, settings=settings, log=log)
    words = Decision(decision="no", words="as a sum")
    second = await resume(first.run_id, model=model, log=log, answer=words)

    assert second.question is not None
    assert "+x = 1 + 1" in second.question.patch
    done = await resume(first.run_id, model=model, log=log, answer=YES)
    assert "+x = 1 + 1" in done.patch
    assert repository.git("show", "two:main.py") == "x = 1 + 1"


async def test_a_no_is_not_overridden_by_a_resume_where_nobody_is_asked(folder: Path) -> None:
    log, model = MemoryLog(), Scripted([code(RIGHT)])
    refused = await worked(folder, model, log, watch=Person(NO))
    assert refused.status == "refused"

    again = await resume(refused.run_id, model=model, log=log)
    assert (again.status, (folder / "main.py").read_text()) == ("waiting", WRONG)


async def test_a_run_that_is_stopped_while_its_landing_is_asked_about_writes_nothing(
    tmp_path: Path, folder: Path
) -> None:
    class Away(Person):
        async def decide(self, question: Question) -> Decision:
            self.asked.append(question)
            await asyncio.Event().wait()
            return YES

    with SqliteLog(tmp_path / "home") as log, SqliteLog(tmp_path / "home") as other:
        away = Away()
        work = worked(folder, Scripted([code(RIGHT)]), log, "landing", watch=away)  # type: ignore[arg-type]
        working = asyncio.create_task(work)
        while not away.asked:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await stop((await other.runs())[0].run, "ann@there", log=other)
        run = await working  # it gives its lease back

    assert (run.status, (folder / "main.py").read_text()) == ("interrupted", WRONG)


async def test_time_until_a_dead_run_is_stopped_is_not_the_runs(folder: Path) -> None:
    now = [1_000.0]
    log = MemoryLog(clock=lambda: now[0])
    waiting = await worked(folder, Scripted([code(RIGHT)]), log, "landing")
    now[0] += 3600.0

    assert (await stop(waiting.run_id, "ann@there", log=log)).seconds == waiting.seconds


async def test_a_plan_that_comes_again_word_for_word_is_asked_about_again(folder: Path) -> None:
    person = Person(Decision(decision="no", words="another"), YES, YES)
    model = Scripted(["1. Guess.", "1. Guess.", code(RIGHT)])
    run = await worked(folder, model, MemoryLog(), "plan", watch=person)

    assert (run.status, [question.about for question in person.asked]) == (
        "solved",
        ["plan", "plan", "landing"],
    )


async def test_a_request_to_stop_is_heard_once(tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log:
        async with log.lease("run_a") as token:
            await log.request_stop("run_a", "ann@there")
            requesters = [await log.stop_requested("run_a", token=token) for _ in range(2)]

    assert requesters == ["ann@there", None]


async def test_a_no_holds_though_the_run_goes_on_with_settings_that_ask_nobody(folder: Path) -> None:
    (folder / "main.py").unlink()
    log, model = MemoryLog(), Scripted([code(RIGHT)])
    waiting = await worked(folder, model, log, "landing")
    await answer(waiting.run_id, NO, log=log)

    settings = Settings(strategy="repair")
    done = await resume(waiting.run_id, model=model, log=log, settings=settings)
    assert (done.status, [*folder.iterdir()]) == ("refused", [])


async def test_a_change_that_the_model_only_repeats_is_asked_about_until_a_no(folder: Path) -> None:
    settings = Settings(strategy="repair", approve=("landing",), keep=True, budget=Budget(max_calls=3))
    task = Task(prompt="Make x in main.py 2.", workspace=folder, checks=CHECK)
    person = Person(Decision(decision="no", words="otherwise"), NO)
    same = Scripted([code(RIGHT)] * 3)
    run = await solve(task, model=same, settings=settings, log=MemoryLog(), watch=person)

    assert (run.status, run.calls, len(person.asked)) == ("refused", 2, 2)
    assert (folder / "main.py").read_text() == WRONG


@pytest.mark.slow
async def test_a_call_that_was_allowed_is_not_given_up_where_its_tool_is_not_given_again(
    folder: Path,
) -> None:
    log, deployments = MemoryLog(), Deployments()
    model = Scripted([deploy_call(), EDIT])
    waiting = await worked(folder, model, log, "tools", strategy="act", tools=[deployments.tool()])
    refused = await resume(waiting.run_id, model=model, log=log, answer=YES)
    assert (refused.status, refused.exit_code, len(model.requests)) == ("error", 2, 1)
    assert f"coder resume {waiting.run_id}" in str(refused.error)

    done = await resume(waiting.run_id, model=model, log=log, tools=[deployments.tool()])
    assert (done.status, deployments.made, len(model.requests)) == ("solved", ["here"], 2)
    assert next_steps(waiting).endswith(
        f"with the --mcp and --tool of its start:   coder approve {waiting.run_id}   "
        f'coder approve {waiting.run_id} --no "why"'
    )
