"""What a landing asks: one question, put alike by a run and by a conversation, and what each answer does."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.engine.requests import patch_of
from coder.models.scripted import Scripted
from coder.run.events import Draft, Event
from coder.run.questions import Decision
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.engine.participants.test_acting import bash, call
from tests.coder.people.chat.test_chat_session import NO, ONE, THREE, TWO, YES, KilledHere, Person, code
from tests.git_repository import ENVIRONMENT, make_repository
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

Way = Callable[..., Awaitable[tuple[Run, Scripted]]]
"""Works on a task with these answers of the model, and asks this person."""
DONE = "It is done."
CHECK = ("python3", "check.py")
OTHERWISE = Decision(decision="no", words="3, please")
ASKS = Decision(decision="no", words="why 2?")
BOTH = "`main.py`\n```python\nx = 2\n```\n`check.py`\n```python\nimport main\nassert main.x == 2\n```\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    (path / "main.py").write_text(ONE)
    return path


@pytest.fixture
def checked(folder: Path) -> Path:
    """The folder, with a test that 3 and more passes."""
    (folder / "check.py").write_text("import main\nassert main.x >= 3\n")
    return folder


@asynccontextmanager
async def talk(
    folder: Path, answers: Sequence[str], person: Person, *, log: MemoryLog | None = None, **limits: int
) -> AsyncIterator[tuple[ChatSession, Scripted]]:
    model = Scripted(answers)
    task = Task(prompt="-", workspace=folder, test_command=CHECK if (folder / "check.py").exists() else None)
    settings = Settings(budget=Budget(**limits), strategy="repair")
    opening = open_session(log or MemoryLog(), task, settings=settings, model=model, watch=person)
    async with opening as session:
        yield session, model


async def in_a_run(
    folder: Path, answers: Sequence[str], person: Person, *, log: MemoryLog | None = None, **limits: int
) -> tuple[Run, Scripted]:
    task = Task(prompt="Make it more.", workspace=folder, checks=("assert x > 1",))
    settings = Settings(strategy="repair", approve=("landing",), budget=Budget(**limits))
    model = Scripted(answers)
    return await solve(task, model=model, settings=settings, log=log or MemoryLog(), watch=person), model


async def in_a_conversation(folder: Path, answers: Sequence[str], person: Person) -> tuple[Run, Scripted]:
    async with talk(folder, answers, person) as (session, model):
        return await session.say("Make it more."), model


async def by_tools(
    folder: Path, answers: Sequence[str], person: Person, *, log: MemoryLog | None = None, **limits: int
) -> tuple[Run, Scripted]:
    """The same run by a model with tools: code is written by a call, and code again is only `done`."""
    first, *others = answers
    calls = [bash("echo 'x = 2' > main.py"), [call("done", summary=DONE)]]
    model = Scripted(
        [*calls, *([call("done", summary=DONE)] if answer == first else answer for answer in others)]
    )
    task = Task(prompt="Make it more.", workspace=folder, checks=("assert x > 1",))
    settings = Settings(strategy="act", approve=("landing",), budget=Budget(**limits))
    return await solve(task, model=model, settings=settings, log=log or MemoryLog(), watch=person), model


async def by_attempts(folder: Path, answers: Sequence[str], person: Person) -> tuple[Run, Scripted]:
    """The same run by one of two attempts."""
    task, model = Task(prompt="Make it more.", workspace=folder, checks=("assert x > 1",)), Scripted(answers)
    settings = Settings(strategy="repair", approve=("landing",), budget=Budget(samples=2))
    return await solve(task, model=model, settings=settings, log=MemoryLog(), watch=person), model


async def cut(events: Sequence[Event], at: int) -> MemoryLog:
    """A log that ends with the so-many-th event, as a kill behind that leaves it."""
    log = MemoryLog()
    async with log.lease(events[0].run) as token:
        for event in events[:at]:
            draft = Draft(type=event.type, version=event.version, body=event.body)
            await log.append(event.run, [draft], after=event.seq - 1, token=token)
    return log


@pytest.mark.parametrize("way", [in_a_run, in_a_conversation])
@pytest.mark.parametrize(
    ("decisions", "status", "text", "calls", "questions"),
    [
        ((YES,), None, TWO, 1, 1),
        ((NO,), "refused", ONE, 1, 1),
        ((OTHERWISE, YES), None, THREE, 2, 2),
        ((Decision(decision="no", files={"main.py": THREE}),), None, THREE, 1, 1),
    ],
    ids=["yes", "no", "words", "own version"],
)
async def test_each_answer_does_the_same_in_a_run_and_in_a_conversation(
    folder: Path,
    way: object,
    decisions: tuple[Decision, ...],
    status: str | None,
    text: str,
    calls: int,
    questions: int,
) -> None:
    person = Person(*decisions)
    assert callable(way)
    run, model = await way(folder, [code(TWO), code(THREE)], person)

    assert ((folder / "main.py").read_text(), len(model.requests), len(person.shown)) == (
        text,
        calls,
        questions,
    )
    assert {question.about for question in person.shown} == {"landing"}
    assert run.status == status if status is not None else run.landed == ("main.py",)
    assert "+x = " in run.patch


@pytest.mark.slow
@pytest.mark.parametrize("way", [in_a_run, in_a_conversation, by_tools, by_attempts])
@pytest.mark.parametrize("reply", ["Two is more than one.", "", "Is that not what you want?"])
async def test_a_change_stays_until_a_no_whatever_the_person_says_and_the_model_answers(
    folder: Path, way: Way, reply: str
) -> None:
    """An empty reply stands for the same code again, or `done` without another edit."""
    wish = Decision(decision="no", words="use a constant, please")
    person = Person(ASKS, wish, YES)
    run, model = await way(folder, [code(TWO), reply or code(TWO), reply or code(TWO)], person)

    assert (run.landed, (folder / "main.py").read_text()) == (("main.py",), TWO), run.reason
    assert len({question.patch for question in person.shown}) == 1
    assert [question.passed for question in person.shown] == [True] * 3
    if reply or way is by_tools:
        assert [question.reply for question in person.shown] == ["", reply or DONE, reply or DONE]
    assert wish.words in model.requests[-1].messages[-1].content


async def test_a_change_is_exported_after_words_about_it_that_a_limit_left_unanswered(folder: Path) -> None:
    async with talk(folder, [code(TWO)], Person(ASKS), max_calls=1) as (session, _):
        run = await session.say("make it 2")

    assert session.state is not None
    assert (run.status, run.landed) == ("limit", ())
    assert "+x = 2" in patch_of(session.state)


@pytest.mark.slow
@pytest.mark.parametrize("way", [in_a_run, by_tools])
@pytest.mark.parametrize("words", [ASKS, OTHERWISE], ids=["question", "wish"])
@pytest.mark.parametrize("reply", ["One is odd.", ""])
async def test_a_change_is_offered_again_by_a_resume_after_words_about_it_that_a_limit_left_unanswered(
    folder: Path, way: Way, words: Decision, reply: str
) -> None:
    """An empty reply stands for the same code again, or `done` without another edit."""
    log, calls, first = MemoryLog(), 2 if way is by_tools else 1, Person(words)
    run, _ = await way(folder, [code(TWO)], first, log=log, max_calls=calls)
    again = [call("done", summary=DONE)] if way is by_tools else code(TWO)
    person, limits = Person(YES), Budget(max_calls=calls + 1)
    done = await resume(run.run_id, log=log, model=Scripted([reply or again]), watch=person, budget=limits)

    assert (run.status, run.landed, (folder / "main.py").read_text()) == ("limit", (), TWO)
    assert [question.patch for question in person.shown] == [question.patch for question in first.shown]
    assert (done.landed, person.shown[0].passed) == (("main.py",), True)


async def test_a_wish_for_the_change_before_offers_that_one_again(folder: Path) -> None:
    back = Decision(decision="no", words="2 was better")
    person = Person(OTHERWISE, back, YES)
    async with talk(folder, [code(TWO), code(THREE), code(TWO)], person) as (session, _):
        await session.say("make it more")

    assert ["+x = 2" in question.patch for question in person.shown] == [True, False, True]
    assert (folder / "main.py").read_text() == TWO


@pytest.mark.slow
async def test_a_question_about_a_change_that_fails_says_that_the_one_before_passed(checked: Path) -> None:
    person = Person(Decision(decision="no", words="2, please"), NO)
    async with talk(checked, [code(THREE), code(TWO)], person, repairs=0) as (session, _):
        await session.say("make it more")

    assert [question.passed for question in person.shown] == [True, False]
    assert person.shown[0].note == ""
    assert person.shown[1].note.startswith("the change before your words passed, and is kept")
    assert f"export {session.run} --change N" in person.shown[1].note


@pytest.mark.slow
async def test_a_conversation_cut_after_any_event_asks_again_and_calls_no_model_twice(folder: Path) -> None:
    log = MemoryLog()
    async with talk(
        folder, [code(TWO), "One is odd.", code(THREE)], Person(ASKS, OTHERWISE, YES), log=log
    ) as (
        session,
        _,
    ):
        await session.say("make it more")
    events = await log.read(session.run)
    answers = [code(TWO), "One is odd.", code(THREE)]

    for at in range(1, len(events)):
        types = [event.type for event in events[:at]]
        (folder / "main.py").write_text(THREE if "file.landed" in types else ONE)
        answer_count, answered = types.count("model.answered"), types.count("question.answered")
        person, model = Person(*(ASKS, OTHERWISE, YES)[answered:]), Scripted(answers[answer_count:])
        await resume(session.run, log=await cut(events, at), model=model, watch=person)

        assert (folder / "main.py").read_text() == THREE, f"cut after {types[-1]} ({at})"
        assert (len(model.requests), len(person.shown)) == (3 - answer_count, 3 - answered), types[-1]


async def test_a_change_that_was_refused_is_asked_about_again_by_a_resume_and_not_written_before(
    folder: Path,
) -> None:
    log = MemoryLog()
    async with talk(folder, [code(TWO)], Person(NO), log=log) as (session, _):
        await session.say("make it 2")

    with pytest.raises(KilledHere):
        await resume(session.run, log=log, model=Scripted([]), watch=Person())
    waiting = (folder / "main.py").read_text()
    await resume(session.run, log=log, model=Scripted([]), watch=Person(YES))

    assert (waiting, (folder / "main.py").read_text()) == (ONE, TWO)


async def test_where_nobody_is_there_a_resume_does_not_write_what_was_refused(folder: Path) -> None:
    log = MemoryLog()
    async with talk(folder, [code(TWO)], Person(NO), log=log) as (session, _):
        await session.say("make it 2")

    run = await resume(session.run, log=log, model=Scripted([]))

    assert (run.status, (folder / "main.py").read_text()) == ("waiting", ONE)


@pytest.mark.slow
async def test_words_to_a_change_that_does_not_pass_go_on_in_the_same_dialogue(checked: Path) -> None:
    person = Person(OTHERWISE, YES)
    async with talk(checked, [code(TWO), code(THREE)], person, repairs=0) as (session, model):
        await session.say("make it more")

    assert [question.passed for question in person.shown] == [False, True]
    assert "3, please" in model.requests[1].messages[-1].content
    assert (checked / "main.py").read_text() == THREE


@pytest.mark.slow
async def test_a_version_of_the_users_own_that_fails_is_asked_about_and_the_models_is_not(
    checked: Path,
) -> None:
    own = Decision(decision="no", files={"main.py": ONE + "# mine\n"})
    person = Person(own, NO)
    async with talk(checked, [code(THREE)], person, max_calls=1) as (session, _):
        run = await session.say("make it more")

    assert [question.passed for question in person.shown] == [True, False]
    assert "+# mine" in person.shown[1].patch
    assert (run.landed, run.verified) == ((), "none")


@pytest.mark.slow
async def test_a_version_of_the_users_own_that_fails_is_repaired_while_calls_are_left(checked: Path) -> None:
    own = Decision(decision="no", files={"main.py": "x = 0\n"})
    person = Person(own, YES)
    async with talk(checked, [code(THREE), code("x = 4\n")], person) as (session, model):
        await session.say("make it more")

    assert "x = 0" in model.requests[1].messages[-2].content
    assert (checked / "main.py").read_text() == "x = 4\n"


@pytest.mark.slow
async def test_a_change_with_the_test_that_it_contradicts_stays_whole_after_words_about_it(
    folder: Path,
) -> None:
    (folder / "check.py").write_text("import main\nassert main.x == 1\n")
    person = Person(ASKS, YES)
    async with talk(folder, [BOTH, "One is odd."], person) as (session, _):
        await session.say("make it 2, and its test")

    assert person.shown[0].patch == person.shown[1].patch
    assert (folder / "main.py").read_text() == TWO
    assert "== 2" in (folder / "check.py").read_text()


@pytest.mark.slow
async def test_an_offer_that_is_cut_after_any_event_asks_about_the_change_and_calls_no_model(
    checked: Path,
) -> None:
    log = MemoryLog()
    async with talk(checked, [code(TWO)], Person(NO, YES), log=log) as (session, _):
        session.settings = session.settings.model_copy(update={"budget": Budget(repairs=0)})
        await session.say("make it 2")
        session.settings = session.settings.model_copy(update={"budget": Budget(repairs=3)})
        begun = len(await log.read(session.run))
        await session.apply()
    events = await log.read(session.run)
    assert (checked / "main.py").read_text() == TWO

    for at in range(begun + 2, len(events)):
        types = [event.type for event in events[begun:at]]
        (checked / "main.py").write_text(TWO if "file.landed" in types else ONE)
        person = Person(*([] if "question.answered" in types else [YES]))
        await resume(session.run, log=await cut(events, at), model=Scripted([]), watch=person)

        assert (checked / "main.py").read_text() == TWO, f"cut after {types[-1]} ({at})"


async def test_words_to_an_offered_change_are_heard_by_the_model(folder: Path) -> None:
    person = Person(NO, OTHERWISE, YES)
    async with talk(folder, [code(TWO), code(THREE)], person) as (session, model):
        await session.say("make it 2")
        await session.apply()

    assert "3, please" in model.requests[1].messages[-1].content
    assert (folder / "main.py").read_text() == THREE


@pytest.mark.slow
async def test_a_failing_change_that_waits_at_the_limit_is_written_by_a_yes_alone(checked: Path) -> None:
    person = Person(YES)
    async with talk(checked, [code(TWO)], person, max_calls=1) as (session, _):
        run = await session.say("make it 2")

    assert (run.status, run.landed, (checked / "main.py").read_text()) == ("limit", ("main.py",), TWO)
    assert not person.shown[0].passed


async def test_what_may_not_be_written_is_not_asked_about(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    person = Person()
    async with talk(folder, [code(TWO, "sub/new.py")], person) as (session, _):
        run = await session.say("make it 2")

    assert (run.status, run.landed, person.shown) == ("error", (), [])
    assert "leads over a link" in run.reason


@pytest.mark.slow
@pytest.mark.parametrize("decision", [YES, NO, Decision(decision="no", files={"main.py": "x = 9\n"})])
async def test_a_conversation_that_commits_on_a_branch_asks_about_the_commit(
    checked: Path, decision: Decision, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    repository = make_repository(checked)
    repository.commit()
    person = Person(decision)
    async with talk(checked, [code(THREE)], person) as (session, _):
        session.settings = session.settings.model_copy(update={"branch": "more"})
        run = await session.say("make it more")

    assert [question.text for question in person.shown] == ["Commit it on more?"]
    assert (run.branch, "more" in repository.git("branch")) == (
        (None, False) if decision is NO else ("more", True)
    )
    assert (checked / "main.py").read_text() == ONE
