"""Message: the result of a participant's turn. Outcome: the result of running code."""

from collections.abc import Iterable
from operator import not_
from typing import Annotated, Literal

from pydantic import Field

from coder.models.answer_parts import Continuation
from coder.run.team_message import ChoiceMessage, HandoffMessage, LedgerMessage, MessageBase, WordsMessage
from sandbox.result import Value

Verified = Literal["tests", "checks", "examples", "reproduced", "added", "self", "none"]
"""What decided, strongest first: given tests, given checks, the task's examples; `reproduced`: new tests or
the answer's check fail without the change; `added`: new tests can't run without it; `self`: own checks."""

Cause = Literal[
    "missing_module", "network", "service", "program_timeout", "test_timeout", "no_code", "own_tests", "exit"
]
"""Why a task isn't solved, in cases in which a better model may not help."""

Strength = Literal["outside", "inside", "none"]
"""outside: decided out of the code's reach; inside: tests and code shared a process."""

HUMAN, EXPERT = "human", "expert"
"""The author of the user's messages; the participant whose calls go to the model for hard cases."""


class CheckLine(Value):
    """The result of one check."""

    name: str
    passed: bool
    message: str = ""
    expected: str | None = None
    actual: str | None = None
    path: str | None = Field(default=None, exclude_if=not_)
    """The workspace file in which the check failed, as a relative path, if known."""
    line: int | None = Field(default=None, exclude_if=not_)
    """The line in that file, from 1."""


class Outcome(Value):
    """The result of running the code."""

    passed: bool
    verified: Verified
    strength: Strength = "none"
    checks: tuple[CheckLine, ...] = ()
    feedback: str = ""
    """The first failure, shortened for the next prompt."""
    gist: str = Field(default="", exclude_if=not_)
    """One line for a person if no named check failed: the program's end or its last output."""
    note: str = Field(default="", exclude_if=not_)
    """A remark for a person on this verdict, such as earlier failures or flaky tests."""
    contradicts: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Given tests that fail, but pass with the answer's edits of them, while everything else passes."""
    mended: int = Field(default=0, exclude_if=not_)
    """Tests that failed before the work and pass now, or only with it, if all that fail now failed then."""
    cause: Cause | None = Field(default=None, exclude_if=not_)
    """Why the code failed or the outcome is undecided, if known."""
    lacks: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Missing modules or hosts, depending on `cause`."""
    agreeing: tuple[int, ...] = Field(default=(), exclude_if=not_)
    """Passed samples, including this one, that behave equally on all inputs; empty if there are too few."""
    reproduced_by: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """New tests, or the answer's check, that fail without the change and pass with it."""
    ordered: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Given tests that pass with the answer's edits of them, because the task changes what they expect."""
    test_support: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Changed files that only the tests use: part of the tests, or code under test."""
    made_again: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """New files that the test command makes by itself; they don't land."""
    unshown: str = Field(default="", exclude_if=not_)
    """Why the answer's new tests or check don't show that the task is done."""
    stdout: str = ""
    stderr: str = ""
    seconds: float = 0.0


class AnswerChanges(Value):
    """Changes of an answer: texts by relative path; None is a removed file. Surrogates encode bytes."""

    files: dict[str, str | None] = Field(default_factory=dict)
    """Changed files in full."""
    test_edits: dict[str, str | None] = Field(default_factory=dict, exclude_if=not_)
    """Edited given tests, and in a session other deciding files; they land only if the user allows it."""
    left_out: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Other paths that the answer changes but may not write."""
    problem: str = Field(default="", exclude_if=not_)
    """Why an answer with edits or files changed no file."""

    @property
    def texts(self) -> dict[str, str | None]:
        """Texts that may land, including those that need consent."""
        return {**self.files, **self.test_edits}


class PlanMessage(MessageBase):
    """A plan: the steps of the task in `text`."""

    kind: Literal["plan"] = "plan"


class CodeMessage(MessageBase):
    """An answer that changes files, or was meant to, and is tried."""

    kind: Literal["code"] = "code"
    changes: AnswerChanges = AnswerChanges()
    check: str = Field(default="", exclude_if=not_)
    """A shell command that should fail without the change and succeed with it, according to the model."""
    repeats: bool = Field(default=False, exclude_if=not_)
    """Whether an earlier answer of this run had the same code."""
    continuation: Continuation | None = Field(default=None, exclude_if=not_)
    """How the model completed a given beginning, if it did."""

    @property
    def is_change(self) -> bool:
        """Whether there is something to try; in a session, edits of given tests are enough."""
        return bool(self.changes.files or (self.changes.test_edits and not self.changes.problem))


class OutcomeMessage(MessageBase):
    """The result of running the latest code or, if the user is the author, a rejection of the change."""

    kind: Literal["outcome"] = "outcome"
    outcome: Outcome


class ReplyMessage(MessageBase):
    """An answer in words only, in a conversation."""

    kind: Literal["reply"] = "reply"


class QuestionMessage(MessageBase):
    """A question of the model to the user."""

    kind: Literal["question"] = "question"
    options: tuple[str, ...] = Field(default=(), exclude_if=not_)
    """Answers to choose from."""


class AnswerMessage(MessageBase):
    """The user's answer to a question."""

    kind: Literal["answer"] = "answer"


Message = Annotated[
    PlanMessage | CodeMessage | OutcomeMessage | ReplyMessage | QuestionMessage | AnswerMessage
    | WordsMessage | ChoiceMessage | HandoffMessage | LedgerMessage,
    Field(discriminator="kind"),
]  # fmt: skip
"""The result of one turn, discriminated by `kind`."""


def outcome_in(message: Message | None) -> Outcome | None:
    """Return the outcome that a message reports, or None."""
    return message.outcome if isinstance(message, OutcomeMessage) else None


def outcomes_in(messages: Iterable[Message]) -> list[Outcome]:
    """Return the outcomes that messages report, in order."""
    return [outcome for message in messages if (outcome := outcome_in(message)) is not None]
