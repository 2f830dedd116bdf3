"""Messages of teams, and the fields that all messages have."""

from operator import not_
from typing import Literal

from pydantic import BaseModel, Field

from sandbox.result import Value

TURNS = ("words", "code", "handoff", "plan", "reply")
"""Kinds of messages that count as turns of members; results, answers, choices and ledgers don't."""


class MessageBase(Value):
    """Fields that all messages have."""

    author: str
    text: str = ""
    within: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """The nested teams of the author, outermost first."""


class OrchestratorStep(BaseModel, frozen=True, extra="ignore"):
    """One step of an orchestrator's plan."""

    member: str
    do: str = ""


class Ledger(BaseModel, frozen=True, extra="ignore"):
    """An orchestrator's facts and plan."""

    facts: str = ""
    steps: tuple[OrchestratorStep, ...] = ()
    satisfied: bool = False
    """Whether the orchestrator considers the task done, which ends a run as `unverified`."""


class WordsMessage(MessageBase):
    """A message of a team's member."""

    kind: Literal["words"] = "words"


class ChoiceMessage(MessageBase):
    """The choice of a team's next speaker."""

    kind: Literal["choice"] = "choice"
    to: str


class HandoffMessage(MessageBase):
    """A message with which a member hands over to another one, or to the user."""

    kind: Literal["handoff"] = "handoff"
    to: str


class LedgerMessage(MessageBase):
    """An orchestrator's plan."""

    kind: Literal["ledger"] = "ledger"
    ledger: Ledger
