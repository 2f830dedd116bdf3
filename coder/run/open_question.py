"""Put questions of a run to a person, and log the answers."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from coder.base.errors import TooLate, UsageError, own_command
from coder.run.event_types import QuestionAnswered, QuestionAsked, Spoken
from coder.run.journal import Journal
from coder.run.message import HUMAN, AnswerMessage, QuestionMessage
from coder.run.questions import Decider, Decision, Question, Waits, question_id
from coder.run.state import State
from coder.run.team_message import HandoffMessage


def open_question(state: State) -> tuple[str, Question]:
    """Return the open question with its id. Raises TooLate with the reason if no question is open."""
    if state.questions.open is not None:
        return state.questions.open.id, state.questions.open
    last_message = state.last
    if isinstance(last_message, QuestionMessage):
        identity = question_id(state.run, len(state.progress.messages), last_message.text)
        if identity not in state.questions.answers:
            return identity, asked_by(last_message)
    if state.questions.answers:
        last_answer = [*state.questions.answers.values()][-1]
        raise TooLate(
            f"{state.run} was answered already by {last_answer.who or 'a program'}: {last_answer.answer_text}"
        )
    raise TooLate(f"{state.run} has asked nothing. Go on with it: {own_command()} resume {state.run}")


def answered(state: State, decision: Decision | str, *, question_id: str | None = None) -> QuestionAnswered:
    """Return the event for a person's answer.

    Args:
        question_id: the id of the question that the person has read; None: the open question.

    Raises:
        TooLate: no question, or another question, is open.
        UsageError: the answer is empty, or isn't one of the choices.
    """
    identity, question = open_question(state)
    if question_id not in (None, identity):
        raise TooLate(f"{state.run} was answered already, and asks something else now: {question.text}")
    answer = question.worded(decision) if isinstance(decision, str) else decision
    if question.kind != "approve" and not answer.answer_text.strip():
        raise UsageError("The answer is empty. Give it in words: --answer TEXT")
    if question.kind == "approve" and answer.decision not in ("yes", "no", *question.options):
        raise UsageError(f"It asks for yes or no, not {answer.answer_text!r}. Say no with a reason: --no WHY")
    return QuestionAnswered(id=identity, **answer.model_dump())


def asked_by(message: QuestionMessage | HandoffMessage) -> Question:
    """Return the question that a model's message asks; a handoff to the user is a question, too."""
    options = message.options if isinstance(message, QuestionMessage) else ()
    kind: Literal["choose", "text"] = "choose" if options else "text"
    return Question(kind=kind, about="task", text=message.text, options=options, by=message.author)


async def ask_person(
    journal: Journal, question: Question, *, key: str = "", otherwise: Decision | None = None
) -> Decision:
    """Ask a person a question, or return the logged answer if it was answered before.

    Args:
        key: distinguishes questions of one turn; empty: the text is used.
        otherwise: the answer if nobody can be asked, unless `Settings.approve` requires a person.

    Raises:
        Waits: nobody can answer now.
    """
    state, watch = journal.state, journal.watch
    identity = question_id(journal.run, len(state.progress.messages), key or question.text)
    if (stored := state.questions.answers.get(identity)) is not None:
        return stored
    if (question.about, question.subject) in state.questions.granted:
        return Decision(decision="yes", how="default")
    decider = watch if isinstance(watch, Decider) and watch.is_there(question) else None
    if decider is None and otherwise is not None and question.about not in state.settings.approve:
        return otherwise
    if state.questions.open is None or state.questions.open.id != identity:
        await journal.append(QuestionAsked(id=identity, **question.model_dump()))
    if decider is None:
        raise Waits(question.text)
    answer = await decider.decide(question)
    await journal.append(QuestionAnswered(id=identity, **answer.model_dump()))
    return answer


@contextmanager
def paused(limit: asyncio.Timeout | None) -> Iterator[None]:
    """Pause a timeout within the context; continue with the remaining time afterwards.

    The timeout stays paused if the body raises.
    """
    if limit is None or (end_time := limit.when()) is None:
        yield
        return
    loop = asyncio.get_running_loop()
    seconds_left = end_time - loop.time()
    limit.reschedule(None)
    yield
    limit.reschedule(loop.time() + seconds_left)


async def ask_user(journal: Journal) -> None:
    """Ask the user the question in the latest message, and log the answer as the next message."""
    message = journal.state.last
    assert isinstance(message, QuestionMessage | HandoffMessage)
    answer = await ask_person(journal, asked_by(message))
    reply = AnswerMessage(author=HUMAN, text=answer.answer_text, within=message.within)
    await journal.append(Spoken(message=reply))
