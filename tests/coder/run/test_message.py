"""Messages: one class a kind, that holds what this kind says and nothing else."""

from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from coder.run.event_types import Spoken, parse
from coder.run.message import (
    AnswerChanges,
    AnswerMessage,
    CodeMessage,
    Continuation,
    Message,
    Outcome,
    OutcomeMessage,
    PlanMessage,
    QuestionMessage,
    ReplyMessage,
    outcomes_in,
)
from coder.run.team_message import ChoiceMessage, HandoffMessage, Ledger, LedgerMessage, WordsMessage
from tests.coder.states import events

KINDS: tuple[type[BaseModel], ...] = get_args(get_args(Message)[0])
MOST_FIELDS = 8
FAILED = Outcome(passed=False, verified="tests", feedback="it fails")
CODE = CodeMessage(
    author="coder",
    text="def one(): ...",
    within=("inner",),
    changes=AnswerChanges(files={"a.py": None}, test_edits={"test_a.py": "\udc80"}, left_out=("c.ini",)),
    continuation=Continuation(begun="def"),
    check="python a.py",
    repeats=True,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_no_kind_of_message_has_many_fields(kind: type[BaseModel]) -> None:
    assert len(kind.model_fields) <= MOST_FIELDS


@pytest.mark.parametrize(
    "message",
    [
        PlanMessage(author="planner", text="1. Mend it."),
        CODE,
        OutcomeMessage(author="executor", outcome=FAILED),
        ReplyMessage(author="coder", text="It sums."),
        QuestionMessage(author="coder", text="Which?", options=("one", "two")),
        AnswerMessage(author="human", text="one"),
        WordsMessage(author="critic", text="No."),
        ChoiceMessage(author="leader", to="critic"),
        HandoffMessage(author="critic", text="Go", to="coder"),
        LedgerMessage(author="leader", ledger=Ledger(facts="It fails.", satisfied=True)),
    ],
    ids=lambda message: message.kind,
)
def test_the_log_gives_back_a_message_as_its_own_class(message: Message) -> None:
    (event,) = events([Spoken(message=message)])

    assert parse(event) == Spoken(message=message)


@pytest.mark.parametrize(
    "message",
    [
        {"kind": "words", "author": "critic", "text": "No.", "changes": {"files": {}}},
        {"kind": "outcome", "author": "executor"},
        {"kind": "handoff", "author": "critic", "text": "Go on."},
        {"kind": "gesture", "author": "critic"},
        {"author": "critic", "text": "No."},
    ],
    ids=["a field of another kind", "no outcome", "handed to nobody", "an unknown kind", "no kind"],
)
def test_a_message_that_is_of_no_kind_is_refused(message: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Spoken.model_validate({"message": message})


def test_only_messages_of_outcomes_report_one() -> None:
    passed = Outcome(passed=True, verified="tests")
    messages: list[Message] = [
        PlanMessage(author="planner"),
        CODE,
        OutcomeMessage(author="executor", outcome=FAILED),
        WordsMessage(author="critic"),
        OutcomeMessage(author="executor", outcome=passed),
    ]

    assert outcomes_in(messages) == [FAILED, passed]
