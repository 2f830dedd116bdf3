"""Message: what a participant says in its turn. Outcome: what the Executor saw."""

from collections.abc import Iterable
from operator import not_
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from coder.models.model import Alternative

Verified = Literal["tests", "checks", "examples", "reproduced", "added", "self", "none"]
"""What decided, strongest first: given tests, given checks, examples of the task; `reproduced`: new tests or
the answer's check fail without the change; `added`: new tests can't run without it; the code's own checks."""

Cause = Literal["missing_module", "network", "program_timeout", "test_timeout", "no_code", "own_tests"]
"""Why a task isn't solved, where a better model may not help."""

Strength = Literal["outside", "inside", "none"]
"""outside: decided where the code can't reach; inside: tests and code shared a process."""

LeftOut = Literal[
    "held", "needs_allow", "decides", "too_large", "too_many", "link", "special", "name", "unreadable"
]
"""held: may run by itself later; `--allow PATH` lands it. needs_allow: a given test or another file that
decides what passes; `--allow PATH` lands it. decides: such a file that the run doesn't keep, or a file to
read only. The others can't be taken over."""

TURNS = ("words", "code", "handoff", "plan", "reply")
"""Kinds of what members say in their turns: no results, answers, choices and ledgers."""
HUMAN = "human"
"""The author of what the user says: answers, rejections and versions of their own."""
EXPERT = "expert"
"""Whose calls go to the model that was named for hard cases."""


class CheckLine(BaseModel, frozen=True, extra="forbid"):
    """One check and how it went."""

    name: str
    passed: bool
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    path: str | None = Field(default=None, exclude_if=not_)
    """The file of the workspace where it failed, relative, where that is known."""
    line: int | None = Field(default=None, exclude_if=not_)
    """The line there, from 1."""


class Outcome(BaseModel, frozen=True, extra="forbid"):
    """What running the code showed."""

    passed: bool
    verified: Verified
    strength: Strength = "none"
    checks: tuple[CheckLine, ...] = ()
    feedback: str = ""
    """The first failure, shortened, as the next prompt quotes it."""
    gist: str = Field(default="", exclude_if=not_)
    """One line for a person where no check failed by name: what ended the program, or its last line."""
    note: str = Field(default="", exclude_if=not_)
    """What a person should know of this verdict: failures that were there before, tests that are flaky."""
    contradicts: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Given tests that fail, and pass as the answer edits them: nothing else is red."""
    cause: Cause | None = Field(default=None, exclude_if=not_)
    """Why it failed, or decides nothing, as far as that is known."""
    lacks: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Modules or hosts that were missing, by `cause`."""
    agreeing: tuple[int, ...] = Field(default=(), exclude_if=not_)
    """Samples that passed and do the same on all inputs, this one among them; empty where too few do."""
    reproduced_by: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """New tests, or the answer's check, that fail without the change and pass with it."""
    ordered: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Given tests that pass as the answer edits them: the task changes what these tests expect."""
    test_support: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Changed files that only the tests use: they may be a part of the tests, or what these test."""
    unshown: str = Field(default="", exclude_if=not_)
    """Why the new tests, or the check, of the answer don't show that the task is done."""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0


class Step(BaseModel, frozen=True, extra="ignore"):
    """One step of an orchestrator's plan."""

    member: str
    do: str = ""


class Ledger(BaseModel, frozen=True, extra="ignore"):
    """What an orchestrator knows and plans."""

    facts: str = ""
    steps: tuple[Step, ...] = ()
    satisfied: bool = False
    """The task is done, as far as it knows: it ends a run as `unverified` at most."""


class AnswerChanges(BaseModel, frozen=True, extra="forbid"):
    """What an answer changes: texts by relative path; None is a removed file. Surrogates are bytes."""

    files: dict[str, str | None] = Field(default_factory=dict)
    """Changed files in full."""
    test_edits: dict[str, str | None] = Field(default_factory=dict, exclude_if=not_)
    """Given tests as edited, and in a session other files that decide; they land if the user allows it."""
    left_out: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Other paths that the answer changes and no answer may write."""
    problem: str = Field(default="", exclude_if=not_)
    """Why an answer changed no file, where it held edits or files."""

    @property
    def texts(self) -> dict[str, str | None]:
        """Texts that may land, including those that need consent."""
        return {**self.files, **self.test_edits}


class Continuation(BaseModel, frozen=True, extra="forbid"):
    """How a model came to an answer that was begun for it."""

    begun: str
    """The beginning that the model was given to complete."""
    alternatives: tuple[Alternative, ...] = Field(default=(), exclude_if=not_)
    """Other beginnings of the answer that the model found likely, the likeliest first."""


class _Message(BaseModel):
    """What all messages have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    author: str
    text: str = ""
    within: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """The nested teams that its author speaks in, outermost first."""


class PlanMessage(_Message):
    """The steps of the task, in `text`."""

    kind: Literal["plan"] = "plan"


class CodeMessage(_Message):
    """An answer that changes files, or was meant to; it is tried."""

    kind: Literal["code"] = "code"
    changes: AnswerChanges = AnswerChanges()
    check: str = Field(default="", exclude_if=not_)
    """A shell command that, the model says, fails without the change and succeeds with it."""
    repeats: bool = Field(default=False, exclude_if=not_)
    """The same code as an earlier answer of this run."""
    continuation: Continuation | None = Field(default=None, exclude_if=not_)
    """Where a model completed a beginning: how."""

    @property
    def is_change(self) -> bool:
        """Whether there is something to try: edits of given tests alone are an answer in a session only."""
        return bool(self.changes.files or (self.changes.test_edits and not self.changes.problem))


class OutcomeMessage(_Message):
    """What running the latest code showed; of the user, that the change is not what they want."""

    kind: Literal["outcome"] = "outcome"
    outcome: Outcome


class ReplyMessage(_Message):
    """An answer in words alone, in a conversation."""

    kind: Literal["reply"] = "reply"


class QuestionMessage(_Message):
    """A question of the model to the user."""

    kind: Literal["question"] = "question"
    options: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Answers to choose from."""


class AnswerMessage(_Message):
    """The user's answer to a question."""

    kind: Literal["answer"] = "answer"


class WordsMessage(_Message):
    """What a member of a team says."""

    kind: Literal["words"] = "words"


class ChoiceMessage(_Message):
    """The choice of who speaks next in a team."""

    kind: Literal["choice"] = "choice"
    to: str


class HandoffMessage(_Message):
    """What a member says as it hands over to another one, or to the user."""

    kind: Literal["handoff"] = "handoff"
    to: str


class LedgerMessage(_Message):
    """What an orchestrator plans."""

    kind: Literal["ledger"] = "ledger"
    ledger: Ledger


Message = Annotated[
    PlanMessage | CodeMessage | OutcomeMessage | ReplyMessage | QuestionMessage | AnswerMessage
    | WordsMessage | ChoiceMessage | HandoffMessage | LedgerMessage,
    Field(discriminator="kind"),
]  # fmt: skip
"""One turn's result, by its kind."""


def outcome_in(message: Message | None) -> Outcome | None:
    """The outcome that a message reports; None: none."""
    return message.outcome if isinstance(message, OutcomeMessage) else None


def outcomes_in(messages: Iterable[Message]) -> list[Outcome]:
    """The outcomes that messages report, in their order."""
    return [outcome for message in messages if (outcome := outcome_in(message)) is not None]
