"""`/clear` and `/context`: what the dialogue with the model holds."""

from pathlib import Path

import pytest

from coder.models.scripted import Scripted
from coder.models.tokens import input_tokens
from coder.people.chat.between_messages import clear, context_parts
from tests.coder.engine.participants.test_acting import bash
from tests.coder.people.chat.test_acting_chat import DONE, MAKE_TWO
from tests.coder.people.chat.test_acting_chat import talk as act
from tests.coder.people.chat.test_apply import CHECK
from tests.coder.people.chat.test_chat_session import YES, Person, talk


@pytest.mark.slow
async def test_clear_begins_a_new_dialogue_and_the_log_keeps_the_old_one(folder: Path) -> None:
    async with act(folder, MAKE_TWO, DONE, "It is 2.", "Yes.", says=(YES,)) as (session, model):
        await session.say("make it 2, my friend")
        await clear(session)
        await session.say("what is x?")
        await session.say("sure?")

    sent = [str(request.messages) for request in model.requests]
    assert "my friend" in sent[1]
    assert "my friend" not in sent[2] + sent[3]
    assert "what is x?" in sent[3]
    assert "my friend" in str(await session.log.read(session.run))


@pytest.mark.slow
async def test_clear_drops_what_stands_in_the_session_and_was_not_written(folder: Path) -> None:
    (folder / "check.py").write_text("import main\nassert main.x == 1\n")
    answers = (MAKE_TWO, DONE, "I can't.", bash("cat main.py"), "One.")
    async with act(folder, *answers, test=CHECK) as (session, model):
        await session.say("make it 2")
        await clear(session)
        await session.say("what is x?")

    assert "x = 1" in model.requests[-1].messages[-1].content


async def test_a_message_that_is_asked_on_its_own_is_told_of_none_before_clear(folder: Path) -> None:
    model = Scripted(["It is 1.", "Still 1.", "Yes."])
    async with talk(folder, model, Person()) as session:
        await session.say("what is x, my friend?")
        await clear(session)
        await session.say("and now?")
        await session.say("sure?")

    assert "my friend" not in str(model.requests[1]) + str(model.requests[2])
    assert "and now?" in str(model.requests[2])


async def test_the_parts_of_the_context_sum_up_to_the_latest_request_and_its_answer(folder: Path) -> None:
    (folder / "long.py").write_text("y = 'a word'\n" * 50)
    async with act(folder, bash("seq 500"), "It is 1.") as (session, model):
        assert await context_parts(session) == {}
        await session.say("what is x?")
        parts = await context_parts(session)
        await clear(session)
        cleared = await context_parts(session)

    request = model.requests[-1]
    assert list(parts) == ["system", "files", "dialogue", "tool results"]
    assert all(parts.values())
    assert parts["tool results"] > 500
    assert parts["files"] > 200
    assert sum(parts.values()) >= input_tokens(request.messages)
    assert cleared == {}
