"""Words about a change that is offered, and `/apply`: the change stays until the user has decided."""

from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.models.scripted import Scripted
from coder.run.questions import Decision
from tests.coder.people.chat.test_acting_chat import DONE, MAKE_TWO, heard
from tests.coder.people.chat.test_acting_chat import talk as act
from tests.coder.people.chat.test_chat_session import NO, ONE, THREE, TWO, YES, Person, code, talk

CHECK = ("python3", "check.py")
ASKS = Decision(decision="no", words="why 2?")


async def test_a_change_is_asked_about_again_after_words_that_are_answered_in_words(folder: Path) -> None:
    person = Person(ASKS, Decision(decision="no", words="and is that safe?"), YES)
    async with talk(folder, Scripted([code(TWO), "One is odd.", "It is."]), person) as session:
        run = await session.say("make it 2")

    assert (folder / "main.py").read_text() == TWO
    assert len({question.patch for question in person.shown}) == 1
    assert (len(person.shown), run.landed, run.calls) == (3, ("main.py",), 3)


@pytest.mark.slow
async def test_a_model_that_acts_answers_a_question_about_its_change_which_is_then_asked_about_again(
    folder: Path,
) -> None:
    async with act(folder, MAKE_TWO, DONE, "One is odd.", "Yes.", says=(ASKS, YES)) as (session, model):
        run = await session.say("make it 2")
        await session.say("is it 2?")

    assert ((folder / "main.py").read_text(), run.landed) == (TWO, ("main.py",))
    assert heard(model, 3).endswith("why 2?")
    assert "Changed main.py." in heard(model, 4)


async def test_a_no_after_words_ends_the_message_without_another_call(folder: Path) -> None:
    async with talk(folder, Scripted([code(TWO), "One is odd."]), Person(ASKS, NO)) as session:
        run = await session.say("make it 2")

    assert (run.status, run.calls, (folder / "main.py").read_text()) == ("refused", 2, ONE)


async def test_other_words_after_an_answer_in_words_may_change_the_code_all_the_same(folder: Path) -> None:
    model = Scripted([code(TWO), "One is odd.", code(THREE)])
    person = Person(ASKS, Decision(decision="no", words="3, please"), YES)
    async with talk(folder, model, person) as session:
        await session.say("make it more")

    assert (folder / "main.py").read_text() == THREE
    assert "+x = 3" in person.shown[2].patch


async def test_apply_asks_again_about_a_change_that_was_discarded_and_calls_no_model(folder: Path) -> None:
    person = Person(NO, YES)
    async with talk(folder, Scripted([code(TWO)]), person) as session:
        await session.say("make it 2")
        run = await session.apply()

    assert (run.landed, run.calls, (folder / "main.py").read_text()) == (("main.py",), 1, TWO)
    assert run.attempts == 1
    assert person.shown[0].patch == person.shown[1].patch


async def test_apply_asks_about_what_a_limit_has_left_open_and_keeps_what_was_edited_since(
    folder: Path,
) -> None:
    person = Person(ASKS, YES)
    async with talk(folder, Scripted([code(TWO)]), person, max_calls=1) as session:
        ended = await session.say("make it 2")
        (folder / "other.py").write_text("y = 2\n")
        run = await session.apply()

    assert (ended.status, ended.landed) == ("limit", ())
    assert (run.landed, (folder / "main.py").read_text()) == (("main.py",), TWO)
    assert (folder / "other.py").read_text() == "y = 2\n"


@pytest.mark.slow
async def test_apply_offers_what_stands_in_the_session_and_was_never_asked_about(folder: Path) -> None:
    (folder / "check.py").write_text("import main\nassert main.x == 1\n")
    answers = (MAKE_TWO, DONE, "I can't.", "It is open.")
    async with act(folder, *answers, says=(YES,), test=CHECK) as (session, model):
        await session.say("make it 2")
        await session.say("what is open?")
        await session.apply()

    assert (folder / "main.py").read_text() == TWO
    assert len(model.requests) == 4


async def test_apply_of_a_change_that_fails_asks_and_calls_no_model(folder: Path) -> None:
    async with talk(folder, Scripted([code("x = \n")] * 9), Person(NO, NO)) as session:
        calls = (await session.say("make it nothing")).calls
        run = await session.apply()

    assert run.calls == calls


@pytest.mark.parametrize("answers", [[], ["It is 1."]])
async def test_apply_without_a_change_says_so(folder: Path, answers: list[str]) -> None:
    async with talk(folder, Scripted(answers), Person()) as session:
        for _ in answers:
            await session.say("what is x?")
        with pytest.raises(UsageError, match="There is no change to apply"):
            await session.apply()


async def test_a_change_that_the_last_call_of_the_limit_made_is_asked_about(folder: Path) -> None:
    async with talk(folder, Scripted([code(TWO)]), Person(YES), max_calls=1) as session:
        run = await session.say("make it 2")

    assert (run.landed, (folder / "main.py").read_text()) == (("main.py",), TWO)
