"""Plan mode of a conversation: look, plan, the user's word, then the change; two dialogues side by side."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from coder.engine.chat.chat_session import ChatSession
from coder.engine.chat.opening import open_session
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.questions import Decision
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.engine.participants.test_acting import bash, call
from tests.coder.people.chat.test_chat_session import NO, ONE, TWO, YES, KilledHere, Person, code
from tests.memory_log import MemoryLog

from .test_acting_chat import DONE, MAKE_TWO, heard

PLAN = [call("plan", steps=["Set x to 2 in main.py."])]
OTHER = [call("plan", steps=["Set x to 3 in main.py."])]
QUOTED = "Follow this plan:\n1. Set x to 2 in main.py."
LOOKS, WORKS = ["bash", "plan"], ["bash", "edit", "plan", "done"]


@asynccontextmanager
async def talk(
    folder: Path,
    *answers: str | list[ToolCall],
    says: tuple[Decision, ...] = (),
    plan: bool | None = True,
    log: MemoryLog | None = None,
    run: str | None = None,
) -> AsyncIterator[tuple[ChatSession, Scripted, Person]]:
    model, person = Scripted(answers), Person(*says)
    settings = Settings(strategy="act", plan=plan, budget=Budget(max_calls=50))
    task = Task(prompt="-", workspace=folder)
    opened = open_session(log or MemoryLog(), task, settings=settings, model=model, watch=person, run=run)
    async with opened as session:
        yield session, model, person


def offered(model: Scripted) -> list[list[str]]:
    return [[tool.name for tool in request.form.tools] if request.form else [] for request in model.requests]


@pytest.mark.slow
async def test_a_plan_is_approved_before_the_change_and_the_change_before_it_is_written(folder: Path) -> None:
    answers = (bash("cat main.py"), PLAN, MAKE_TWO, DONE)
    async with talk(folder, *answers, says=(YES, YES)) as (session, model, person):
        run = await session.say("make x 2")

    assert offered(model) == [LOOKS, LOOKS, WORKS, WORKS]
    assert [question.about for question in person.shown] == ["plan", "landing"]
    assert QUOTED in model.requests[2].messages[1].content
    assert (run.landed, (folder / "main.py").read_text()) == (("main.py",), TWO)


@pytest.mark.slow
async def test_words_to_a_plan_go_to_the_same_dialogue(folder: Path) -> None:
    words = Decision(decision="no", words="three, please")
    answers = (PLAN, OTHER, bash("echo 'x = 3' > main.py"), DONE)
    async with talk(folder, *answers, says=(words, YES, YES)) as (session, model, _):
        await session.say("make x 2")

    before, after = model.requests[0].messages, model.requests[1].messages
    assert after[: len(before)] == before
    assert "three, please" in after[-1].content
    assert "Set x to 3" in model.requests[2].messages[1].content


@pytest.mark.slow
async def test_a_plain_no_ends_the_message_and_the_next_one_goes_on_planning(folder: Path) -> None:
    answers = (MAKE_TWO, PLAN, OTHER)
    async with talk(folder, *answers, says=(NO, NO)) as (session, model, _):
        run = await session.say("make x 2")
        await session.say("and three?")

    assert (run.status, run.landed, len(model.requests)) == ("answered", (), 3)
    before, after = model.requests[1].messages, model.requests[2].messages
    assert after[: len(before)] == before
    assert [message.content for message in after[-2:]] == ["[The user did not want this plan.]", "and three?"]
    assert (folder / "main.py").read_text() == ONE


@pytest.mark.slow
async def test_a_question_in_plan_mode_is_answered_in_words(folder: Path) -> None:
    async with talk(folder, bash("cat main.py"), "It is 1.") as (session, _, person):
        run = await session.say("what is x?")

    assert (run.status, person.shown) == ("answered", [])
    assert session.state is not None
    assert session.state.progress.messages[-1].text == "It is 1."


@pytest.mark.slow
async def test_one_message_may_be_planned_and_the_next_one_is_not(folder: Path) -> None:
    answers = (PLAN, MAKE_TWO, DONE, "It is 2.")
    async with talk(folder, *answers, says=(YES, YES), plan=None) as (session, model, _):
        await session.say("make x 2", plans=True)
        await session.say("what is x?")

    assert offered(model) == [LOOKS, WORKS, WORKS, WORKS]


@pytest.mark.slow
async def test_a_dialogue_that_was_not_asked_is_told_what_came_of_the_messages_between(folder: Path) -> None:
    answers = ("It is 1.", "Two would do.", "Or 4.", PLAN, MAKE_TWO, DONE, "It was 1.")
    async with talk(folder, *answers, says=(YES, YES), plan=None) as (session, model, _):
        await session.say("what is x?")
        await session.say("what else could it be?", plans=True)
        await session.say("anything else?", plans=True)
        await session.say("make x 2", plans=True)
        await session.say("what was x?", plans=True)

    first = model.requests[0].messages
    coders = "\n".join(message.content for message in model.requests[4].messages[len(first) :])
    assert coders.count("[Meanwhile, in another dialogue, the user said:]") == 2
    assert "what else could it be?" in coders
    assert "Or 4." in coders
    assert "make x 2" in coders
    assert QUOTED in coders
    assert model.requests[4].messages[: len(first)] == first
    assert "Changed main.py." in model.requests[6].messages[-2].content
    assert model.requests[6].messages[-2].role == "tool"


@pytest.mark.slow
async def test_what_the_planner_changes_is_gone_with_its_turn_and_the_coders_session_stays(
    folder: Path,
) -> None:
    spoil, look = bash("echo 'x = 9' > main.py; echo 1 > spoilt.txt"), bash("cat main.py /tmp/mine; ls")
    answers = (bash("echo here > /tmp/mine"), "Ready.", spoil, look, PLAN, look, MAKE_TWO, DONE)
    async with talk(folder, *answers, says=(YES, YES), plan=None) as (session, model, _):
        await session.say("what is there?")
        await session.say("make x 2", plans=True)

    assert "x = 9" in heard(model, 5)
    assert "spoilt.txt" in heard(model, 5)
    assert "here" not in heard(model, 5)
    assert "x = 1\nhere" in heard(model, 7)
    assert "spoilt.txt" not in heard(model, 7)
    assert not (folder / "spoilt.txt").exists()


@pytest.mark.slow
async def test_a_conversation_killed_between_two_calls_of_its_planner_goes_on_with_its_plan(
    folder: Path,
) -> None:
    log = MemoryLog()
    with pytest.raises(KilledHere):
        async with talk(folder, bash("ls"), PLAN, log=log, plan=None) as (session, _, _):
            await session.say("make x 2", plans=True)
    run = (await log.runs())[0].run

    went_on = talk(folder, MAKE_TWO, DONE, says=(YES, YES), log=log, run=run, plan=None)
    async with went_on as (again, model, person):
        done = await again.go_on()

    assert [question.about for question in person.shown] == ["plan", "landing"]
    assert offered(model) == [WORKS, WORKS]
    assert QUOTED in model.requests[0].messages[1].content
    assert done.landed == ("main.py",)


async def test_a_model_without_tools_plans_in_one_answer_and_is_asked_about(folder: Path) -> None:
    model, person = Scripted(["1. Set x to 2.", code(TWO)]), Person(YES, YES)
    settings = Settings(strategy="repair", plan=True)
    task = Task(prompt="-", workspace=folder)
    async with open_session(MemoryLog(), task, settings=settings, model=model, watch=person) as session:
        await session.say("make x 2")

    assert [question.about for question in person.shown] == ["plan", "landing"]
    assert (folder / "main.py").read_text() == TWO
