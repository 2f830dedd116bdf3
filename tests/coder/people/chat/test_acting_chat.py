"""A conversation with a model that acts: one dialogue and one session from the first message to the last."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.engine.resume import fork
from coder.models.model import Answer, ToolCall
from coder.models.scripted import Scripted
from coder.people.chat.between_messages import compact, run_command
from coder.run.questions import Decision
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.workspace.take_back import undo
from tests.coder.engine.participants.test_acting import bash, call
from tests.coder.people.chat.test_chat_session import NO, ONE, TWO, YES, Person
from tests.memory_log import MemoryLog

DONE = [call("done", summary="Done.")]
MAKE_TWO = bash("echo 'x = 2' > main.py")


@asynccontextmanager
async def talk(
    folder: Path,
    *answers: str | list[ToolCall] | Answer,
    says: tuple[Decision, ...] = (),
    test: tuple[str, ...] | None = None,
) -> AsyncIterator[tuple[ChatSession, Scripted]]:
    model = Scripted(answers)
    task = Task(prompt="-", workspace=folder, test_command=test)
    settings, person = Settings(strategy="act", budget=Budget(max_calls=50)), Person(*says)
    async with open_session(MemoryLog(), task, settings=settings, model=model, watch=person) as session:
        yield session, model


async def until(claim: Callable[[], bool]) -> None:
    """Wait until it holds."""
    while not claim():  # noqa: ASYNC110 - a conversation tells nobody
        await asyncio.sleep(0.05)


def is_in_call(session: ChatSession, number: int) -> bool:
    """Whether the model's so-many-th answer has called a tool that is at work."""
    state = session.state
    return state is not None and state.spend.calls == number and state.dialogue.session.open_tool is not None


def heard(model: Scripted, request: int) -> str:
    """All that came to a request since the one before it, from 1."""
    before = model.requests[request - 2].messages if request > 1 else ()
    return "\n".join(message.content for message in model.requests[request - 1].messages[len(before) :])


@pytest.mark.slow
async def test_a_question_is_looked_into_and_answered_in_words(folder: Path) -> None:
    async with talk(folder, bash("cat main.py"), "It is 1.") as (session, model):
        run = await session.say("what is x?")

    assert "x = 1" in heard(model, 2)
    assert (run.status, run.landed) == ("answered", ())
    assert session.state is not None
    assert session.state.progress.messages[-1].text == "It is 1."


@pytest.mark.slow
async def test_the_next_message_goes_on_with_the_same_dialogue_word_for_word(folder: Path) -> None:
    async with talk(folder, bash("cat main.py"), "It is 1.", "Still 1.") as (session, model):
        await session.say("what is x?")
        await session.say("and now?")

    before, after = model.requests[1].messages, model.requests[2].messages
    assert after[: len(before)] == before
    assert [message.content for message in after[len(before) :]] == ["It is 1.", "and now?"]


@pytest.mark.slow
async def test_the_session_stays_from_message_to_message_also_where_a_change_was_written(
    folder: Path,
) -> None:
    leave = bash("echo kept > /tmp/kept; sleep 600 & echo 'x = 2' > main.py")
    look = bash("cat /tmp/kept; jobs -p; pgrep -c sleep; git status --short; cat main.py")
    async with talk(folder, leave, DONE, look, "Seen.", says=(YES,)) as (session, model):
        await session.say("make it 2")
        await session.say("look again")

    assert (folder / "main.py").read_text() == TWO
    assert "Changed main.py." in heard(model, 3)
    assert heard(model, 4).startswith("\nkept\n1\nx = 2\n[exit 0")


@pytest.mark.slow
async def test_what_the_user_edits_between_two_messages_is_in_the_session_and_told(folder: Path) -> None:
    answers = (bash("ls"), "One file.", bash("cat main.py new.py"), "Seen.")
    async with talk(folder, *answers) as (session, model):
        await session.say("what is here?")
        (folder / "main.py").write_text("x = 7\n")
        (folder / "new.py").write_text("y = 8\n")
        await session.say("and now?")

    assert "[The user has changed these files, here too: main.py, new.py]" in heard(model, 3)
    assert "x = 7\ny = 8" in heard(model, 4)


@pytest.mark.slow
async def test_a_change_that_is_refused_is_gone_from_the_session_and_the_model_is_told(folder: Path) -> None:
    answers = (MAKE_TWO, DONE, bash("cat main.py; git status --short"), "Seen.")
    async with talk(folder, *answers, says=(NO,)) as (session, model):
        await session.say("make it 2")
        await session.say("what is x?")

    assert "did not want this change" in heard(model, 3)
    assert "Your copy is as the user's files again." in heard(model, 3)
    assert "has changed these files" not in heard(model, 3)
    assert heard(model, 4).startswith("\nx = 1\n[exit 0")


@pytest.mark.slow
async def test_a_model_that_goes_back_to_what_was_before_a_written_change_has_that_written(
    folder: Path,
) -> None:
    back = bash("echo 'x = 1' > main.py")
    async with talk(folder, MAKE_TWO, DONE, back, DONE, says=(YES, YES)) as (session, _):
        await session.say("make it 2")
        await session.say("back again")

    assert (folder / "main.py").read_text() == ONE


@pytest.mark.slow
async def test_a_message_that_is_broken_off_keeps_the_dialogue_and_the_work_done_so_far(folder: Path) -> None:
    (folder / "other.py").write_text("a = 1\n\n\n\nb = 1\n")
    work = bash("echo 'x = 2' > main.py; sed -i 's/a = 1/a = 2/' other.py")
    answers = (work, bash("sleep 60"), bash("cat main.py other.py"), DONE)
    async with talk(folder, *answers, says=(YES,)) as (session, model):
        working = asyncio.create_task(session.say("make it 2"))
        async with asyncio.timeout(300):
            await until(lambda: is_in_call(session, 2))
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working
        (folder / "other.py").write_text("a = 1\n\n\n\nb = 7\n")
        await session.say("don't wait, go on")

    assert "Stopped by the user. What you have changed is kept here" in heard(model, 3)
    assert "[The user has changed these files, here too: other.py]" in heard(model, 3)
    assert heard(model, 4).startswith("\nx = 2\na = 2\n\n\n\nb = 7\n")
    assert (folder / "main.py").read_text() == TWO
    assert (folder / "other.py").read_text() == "a = 2\n\n\n\nb = 7\n"


@pytest.mark.slow
async def test_a_conversation_of_another_day_goes_on_with_its_dialogue_in_a_new_session(folder: Path) -> None:
    log = MemoryLog()
    task, settings, person = Task(prompt="-", workspace=folder), Settings(strategy="act"), Person()
    first = Scripted([bash("cat main.py"), "It is 1."], name="scripted/one")
    async with open_session(log, task, settings=settings, model=first, watch=person) as session:
        await session.say("what is x?")
    model = Scripted([bash("cat main.py"), "Still 1."], name="scripted/one")
    again = open_session(log, task, run=session.run, settings=settings, model=model, watch=person)
    async with again as session:
        await session.say("and now?")

    assert [message.content for message in model.requests[0].messages[-2:]] == ["It is 1.", "and now?"]
    assert "[The session was restarted" in heard(model, 2)


@pytest.mark.usefixtures("starts_something")
async def test_what_a_model_says_after_code_that_only_explains_is_no_change(folder: Path) -> None:
    async with talk(folder, "It is set so:\n\n```python\nx = 1\n```\n") as (session, _):
        run = await session.say("where is x set?")

    assert (run.landed, (folder / "main.py").read_text()) == ((), ONE)


@pytest.mark.slow
async def test_a_command_of_the_users_runs_where_the_model_works_and_the_next_message_tells_of_it(
    folder: Path,
) -> None:
    heard_pieces: list[bytes] = []
    async with talk(folder, bash("cat /tmp/mine"), "Seen.") as (session, model):
        done = await run_command(session, "echo mine | tee /tmp/mine", heard_pieces.append)
        await session.say("what did I do?")

    assert (done.exit_code, b"".join(heard_pieces)) == (0, b"mine\n")
    assert "The user has run `echo mine | tee /tmp/mine`" in model.requests[0].messages[-1].content
    assert "mine" in heard(model, 2)


async def test_a_file_that_a_message_names_is_meant_in_this_message_alone(folder: Path) -> None:
    (folder / "notes.txt").write_text("n\n")
    async with talk(folder, "Yes.", "No.") as (session, model):
        await session.say(f"is @notes.txt, or me@nowhere.org, right? @{'a' * 300}")
        await session.say("and now?")

    assert "This is about: `notes.txt`." in model.requests[0].messages[-1].content
    assert "This is about" not in model.requests[1].messages[-1].content


async def test_what_is_typed_while_a_command_runs_reaches_the_model_with_its_result(folder: Path) -> None:
    class Typing(Person):
        def __init__(self) -> None:
            super().__init__()
            self.lines: list[str] = []

        def typed(self) -> list[str]:
            lines, self.lines = self.lines, []
            return lines

    person = Typing()
    model = Scripted([bash("ls"), "Done so."])
    task, settings = Task(prompt="-", workspace=folder), Settings(strategy="act")
    async with open_session(MemoryLog(), task, settings=settings, model=model, watch=person) as session:
        working = asyncio.create_task(session.say("what is here?"))
        async with asyncio.timeout(300):
            await until(lambda: bool(model.requests))
        person.lines = ["only Python files, please"]
        await working

    assert model.requests[1].messages[-1].content == "only Python files, please"
    assert model.requests[1].messages[-2].role == "tool"


@pytest.mark.slow
async def test_a_dialogue_that_is_shortened_keeps_what_the_user_said(folder: Path) -> None:
    looks = [bash(f"seq {n} 2000") for n in range(12)]
    async with talk(folder, *looks, "Seen.", "Yes.") as (session, model):
        await session.say("count up from the numbers that I like, all of them")
        before, after = await compact(session)
        await session.say("still there?")

    assert after < 0.7 * before
    user_messages = [message.content for message in model.requests[-1].messages if message.role == "user"]
    assert "that I like" in user_messages[0]
    assert user_messages[-1] == "still there?"


@pytest.mark.slow
async def test_words_to_a_change_say_that_it_stands_in_the_session_and_nowhere_else(folder: Path) -> None:
    other = Decision(decision="no", words="3, please")
    answers = (MAKE_TWO, DONE, bash("cat main.py"), bash("echo 'x = 3' > main.py"), DONE)
    async with talk(folder, *answers, says=(other, YES)) as (session, model):
        await session.say("make it more")

    note = "[Nothing was written. Your change still stands here. The user says:]\n3, please"
    assert note in heard(model, 3)
    assert heard(model, 4).startswith("\nx = 2\n")
    assert (folder / "main.py").read_text() == "x = 3\n"


@pytest.mark.slow
async def test_a_fork_of_a_conversation_is_a_run_of_its_own_message(folder: Path) -> None:
    log, model = MemoryLog(), Scripted([MAKE_TWO, DONE, bash("cat main.py"), "It is 2."])
    task, settings = Task(prompt="-", workspace=folder), Settings(strategy="act", budget=Budget(max_calls=50))
    async with open_session(log, task, settings=settings, model=model, watch=Person(YES)) as session:
        await session.say("make x 2")
        talked = await session.say("what is x?")
    again = Scripted([bash("echo 'x = 3' > main.py"), DONE, DONE])
    step = sum(event.type == "tool.answered" for event in await log.read(talked.run_id))

    run = await fork(talked.run_id, step=step, say="Make it 3.", log=log, model=again)

    assert again.requests[0].messages[-1].content == "Make it 3."
    assert "x = 2" in again.requests[0].messages[-2].content
    assert (run.calls, run.landed) == (3, ())
    assert (run.status, run.patch.splitlines()[-2:]) == ("unverified", ["-x = 2", "+x = 3"])
    with pytest.raises(UsageError, match="has written no files"):
        await undo(run.run_id, log=log)
