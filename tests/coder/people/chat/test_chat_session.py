"""A session: message after message in one run, with a human who decides. The dialogues are written here."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest

from coder.base.errors import UsageError
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.engine.resume import resume
from coder.models.model import Model
from coder.models.scripted import Scripted
from coder.run.event_types import StepStarted, parse
from coder.run.events import Event
from coder.run.questions import Decision, Question
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.workspace.take_back import undo
from tests.git_repository import make_repository
from tests.memory_log import MemoryLog

ONE, TWO, THREE = "x = 1\n", "x = 2\n", "x = 3\n"
FAR, MINE = "\n" * 5 + "end = 1\n", "mine = 1\n"
"""Lines between two edits, so that they don't meet, and an edit of the user's."""
YES, NO = Decision(decision="yes"), Decision(decision="no")


def code(text: str, path: str = "main.py") -> str:
    return f"`{path}`\n```python\n{text}```"


class Person:
    """Says what it was told to say, in order, and remembers what it was shown."""

    def __init__(self, *decisions: Decision) -> None:
        self._decisions = list(decisions)
        self.shown: list[Question] = []

    def event(self, event: Event) -> None: ...

    def token(self, text: str) -> None: ...

    def output(self, stream: Literal["stdout", "stderr"], data: bytes) -> None: ...

    def is_there(self, question: Question) -> bool:
        return True

    async def decide(self, question: Question) -> Decision:
        self.shown.append(question)
        if not self._decisions:
            raise KilledHere
        return self._decisions.pop(0)


class KilledHere(BaseException):
    """The process ends at this moment."""


@asynccontextmanager
async def talk(
    folder: Path, model: Model, person: Person, *, log: MemoryLog | None = None, **limits: int
) -> AsyncIterator[ChatSession]:
    task = Task(prompt="-", workspace=folder)
    settings = Settings(budget=Budget(**limits), strategy="repair")
    async with open_session(
        log or MemoryLog(), task, settings=settings, model=model, watch=person
    ) as session:
        yield session


async def test_the_folder_is_read_once_for_all_completions_before_the_first_message(folder: Path) -> None:
    async with talk(folder, Scripted([code(TWO)]), Person(NO)) as session:
        first = session.paths()
        (folder / "more.py").write_text("")
        second = session.paths()
        await session.say("make it 2")
        third = session.paths()

    assert (first, second) == (["main.py"], ["main.py"])
    assert sorted(third) == ["main.py", "more.py"]


async def test_nothing_lands_before_the_human_says_yes(folder: Path) -> None:
    person = Person(NO, YES)
    async with talk(folder, Scripted([code(TWO), code(TWO)]), person) as session:
        refused = await session.say("make it 2")
        after_no = (folder / "main.py").read_text()
        landed = await session.say("do it all the same")

    assert (refused.status, after_no) == ("refused", ONE)
    assert (landed.landed, (folder / "main.py").read_text()) == (("main.py",), TWO)
    assert "-x = 1\n+x = 2" in person.shown[0].patch


async def test_what_should_be_different_goes_to_the_model_and_the_rejected_change_never_lands(
    folder: Path,
) -> None:
    model = Scripted([code(TWO), code(THREE)])
    async with talk(folder, model, Person(Decision(decision="no", words="3, please"), YES)) as session:
        await session.say("make it more")

    assert (folder / "main.py").read_text() == THREE
    assert "3, please" in model.requests[1].messages[-1].content


async def test_a_model_that_only_repeats_what_was_rejected_is_asked_about_until_a_no(folder: Path) -> None:
    wish = Decision(decision="no", words="another way")
    person = Person(wish, wish, NO)
    async with talk(folder, Scripted([code(TWO)] * 8), person) as session:
        run = await session.say("make it more")

    assert (folder / "main.py").read_text() == ONE
    assert (run.status, run.calls, len(person.shown)) == ("refused", 3, 3)


async def test_the_humans_own_version_is_tried_and_lands_without_another_question(folder: Path) -> None:
    person = Person(Decision(decision="no", files={"main.py": THREE}))
    async with talk(folder, Scripted([code(TWO)]), person) as session:
        run = await session.say("make it 2")

    assert ((folder / "main.py").read_text(), run.landed) == (THREE, ("main.py",))
    assert len(person.shown) == 1


async def test_words_alone_are_an_answer_and_the_next_message_knows_of_them(folder: Path) -> None:
    model = Scripted(["It is 1.", code(TWO)])
    async with talk(folder, model, Person(YES)) as session:
        await session.say("what is x?")
        await session.say("make it 2")

    assert len(model.requests) == 2
    earlier_messages = [(message.role, message.content) for message in model.requests[1].messages[1:3]]
    assert earlier_messages == [("user", "what is x?"), ("assistant", "It is 1.")]


QUOTED = "Like this:\n\n```python\nx = 2\n```\nbut 2 is dear."


@pytest.mark.parametrize("message", ["How would one make it 2?", "Can you make it 2?", "Make it 2."])
async def test_code_without_a_path_only_explains_whatever_the_message(folder: Path, message: str) -> None:
    async with talk(folder, Scripted([QUOTED]), Person()) as session:
        await session.say(message)

    assert session.state is not None
    assert session.state.last is not None
    assert (session.state.last.kind, session.state.last.text) == ("reply", QUOTED)
    assert (folder / "main.py").read_text() == ONE


@pytest.mark.parametrize(
    "answer", [code(TWO), "main.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n"]
)
async def test_code_for_a_file_is_a_change_also_after_a_question(folder: Path, answer: str) -> None:
    async with talk(folder, Scripted([answer]), Person(YES)) as session:
        await session.say("Is it not 2?")

    assert (folder / "main.py").read_text() == TWO


async def test_undo_goes_back_message_by_message_and_undo_of_the_run_takes_all_of_it(folder: Path) -> None:
    log = MemoryLog()
    async with talk(folder, Scripted([code(TWO), code(THREE), code(TWO)]), Person(*[YES] * 3), log=log) as it:
        for message in ("2", "3"):
            await it.say(message)
        await it.undo()
        after_one = (folder / "main.py").read_text()
        await it.undo()
        after_two = (folder / "main.py").read_text()
        with pytest.raises(UsageError, match="nothing that could be taken back"):
            await it.undo()
        await it.say("2 again")
    rows = await undo(it.run, log=log)

    assert (after_one, after_two) == (TWO, ONE)
    assert [row.left for row in rows] == [None]
    assert (folder / "main.py").read_text() == ONE


async def test_undo_keeps_what_the_user_edited_in_other_lines_and_puts_back_every_file(folder: Path) -> None:
    main, other = folder / "main.py", folder / "other.py"
    main.write_text(ONE + FAR)
    both = f"{code(TWO + FAR)}\n{code(ONE, 'other.py')}"
    answers = [both, code(THREE + FAR + MINE)]
    async with talk(folder, Scripted(answers), Person(YES, YES)) as session:
        await session.say("make it 2, and add y")
        main.write_text(TWO + FAR + MINE)
        await session.say("make it 3")
        main.write_text(THREE + FAR + MINE * 2)
        first = await session.undo()
        once = main.read_text()
        second = await session.undo()

    assert (once, main.read_text()) == (TWO + FAR + MINE * 2, ONE + FAR + MINE * 2)
    assert not other.exists()
    assert "1 file of “make it 3” put back" in first
    assert "2 files of “make it 2, and add y” put back" in second


async def test_undo_leaves_a_file_in_which_the_user_edited_the_same_line(folder: Path) -> None:
    async with talk(folder, Scripted([code(TWO)]), Person(YES)) as session:
        await session.say("make it 2")
        (folder / "main.py").write_text("x = 20\n")
        words = await session.undo()

    assert (folder / "main.py").read_text() == "x = 20\n"
    assert "not main.py" in words


async def test_what_the_user_edits_between_two_messages_is_what_the_model_is_shown(folder: Path) -> None:
    model = Scripted(["It is 1.", "It is 7."])
    async with talk(folder, model, Person()) as session:
        await session.say("what is x?")
        (folder / "main.py").write_text("x = 7\n")
        await session.say("and now?")

    assert "x = 7" in model.requests[1].messages[-1].content


async def test_a_limit_holds_for_all_messages_together(folder: Path) -> None:
    async with talk(folder, Scripted(["a", "b", "c"]), Person(), max_calls=2) as session:
        ends = [(await session.say(message)).status for message in ("one", "two", "three")]

    assert ends == ["answered", "answered", "limit"]


async def test_the_calls_that_a_strategy_takes_are_those_of_one_message(folder: Path) -> None:
    task, settings = Task(prompt="-", workspace=folder), Settings(strategy="one-shot")
    opening = open_session(MemoryLog(), task, settings=settings, model=Scripted(["a", "b"]), watch=Person())
    async with opening as session:
        ends = [(await session.say(message)).status for message in ("one", "two")]

    assert ends == ["answered", "answered"]


def _by_chat(
    log: MemoryLog, run: str, person: Person, folder: Path
) -> AbstractAsyncContextManager[ChatSession]:
    task = Task(prompt="-", workspace=folder)
    return open_session(log, task, run=run, settings=Settings(), model=Scripted([]), watch=person)


async def _gone_on_by_chat(log: MemoryLog, run: str, folder: Path) -> None:
    async with _by_chat(log, run, Person(YES), folder) as again:
        assert again.is_cut_off
        await again.go_on()


async def _gone_on_by_resume(log: MemoryLog, run: str, folder: Path) -> None:
    await resume(run, log=log, model=Scripted([]), watch=Person(YES))


@pytest.mark.parametrize("go_on", [_gone_on_by_chat, _gone_on_by_resume])
async def test_killed_while_it_asks_it_asks_again_and_calls_no_model_twice(
    folder: Path, go_on: Callable[[MemoryLog, str, Path], Awaitable[None]]
) -> None:
    log = MemoryLog()
    async with talk(folder, Scripted(["It is 1.", code(TWO)]), Person(), log=log) as session:
        await session.say("what is x?")
        with pytest.raises(KilledHere):
            await session.say("make it 2")

    await go_on(log, session.run, folder)

    assert (folder / "main.py").read_text() == TWO
    assert sum(isinstance(parse(event), StepStarted) for event in await log.read(session.run)) == 1


async def test_a_file_that_git_ignores_is_added_to_be_read_and_not_to_be_changed(folder: Path) -> None:
    make_repository(folder).write(**{"__gitignore": "data*\n", "data[1]__txt": "a secret of 42\n"})
    model = Scripted(["It is 1.", code(TWO, "data[1].txt"), "No."])
    async with talk(folder, model, Person(YES)) as session:
        added = session.add(["data[1].txt"])
        await session.say("what is in it?")
        await session.say("change it")

    assert added == ("data[1].txt",)
    assert "a secret of 42" in str(model.requests[0])
    assert (folder / "data[1].txt").read_text() == "a secret of 42\n"


async def test_a_file_that_is_not_of_the_folder_is_not_added(folder: Path) -> None:
    async with talk(folder, Scripted([]), Person()) as session:
        assert session.add(["main.py"]) == ("main.py",)
        with pytest.raises(UsageError, match=r"There is no \.\./secret"):
            session.add(["../secret"])
