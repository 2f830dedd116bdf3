"""Questions of a run to a person, stored in its log.

A question that has an answer in the log isn't asked again. If nobody can answer now, the run ends as
`waiting` and continues when it is answered: on the terminal, by `coder approve`, or from Python.
"""

import getpass
import hashlib
import socket
from operator import not_
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import AfterValidator, Field

from coder.base.text.sanitize import join_surrogates
from sandbox.result import Value

About = Literal["landing", "tools", "plan", "network", "tests", "task"]
"""Subject of a question; `Settings.approve` can require a person for the first four."""


class Decision(Value):
    """The answer to a question, with its author and origin."""

    decision: str
    """`yes`, `no`, `always` or an option; empty if `words` is the answer."""
    words: Annotated[str, AfterValidator(join_surrogates)] = Field(default="", exclude_if=not_)
    """An answer in free text; with `no`, what the person wants instead."""
    files: dict[str, str | None] | None = Field(default=None, exclude_if=not_)
    """The person's own version of the change, which is tried instead of the proposed one."""
    who: str = ""
    how: Literal["terminal", "flag", "approve", "library", "mcp", "acp", "http", "default"] = "library"

    @property
    def agrees(self) -> bool:
        """Whether the decision is a yes."""
        return self.decision in ("yes", "always")

    @property
    def answer_text(self) -> str:
        """The answer in words."""
        return self.words or self.decision


class Question(Value):
    """A question to a person."""

    kind: Literal["approve", "choose", "text"]
    """`approve`: yes or no; `choose`: one of the options, or any text; `text`: any text."""
    about: About
    text: str
    options: tuple[str, ...] = Field(default=(), exclude_if=not_)
    patch: str = Field(default="", exclude_if=not_)
    """The change to approve."""
    subject: str = Field(default="", exclude_if=not_)
    """The tool or host to approve."""
    by: str = ""
    """The participant that asks; empty for the engine."""
    note: str = Field(default="", exclude_if=not_)
    """A remark for the person who answers."""
    reply: str = Field(default="", exclude_if=not_)
    """The model's answer to the person's words about the change; untrusted."""
    files: dict[str, str | None] = Field(default={}, exclude=True)
    """Full texts of the changed files by path, for a person to edit; None: deleted."""
    passed: bool = Field(default=True, exclude=True)
    """Whether the change has passed its tests."""
    by_flag: bool = Field(default=False, exclude=True)
    """Whether `--yes` answers the question."""

    def worded(self, words: str) -> Decision:
        """Return the decision in a typed answer: one of the options, by number or text, or any other text."""
        words = words.strip()
        if words.isascii() and words.isdigit() and 1 <= int(words) <= len(self.options):
            return Decision(decision=self.options[int(words) - 1])
        is_choice = words in self.options or (self.kind == "approve" and words in ("yes", "no"))
        return Decision(decision=words) if is_choice else Decision(decision="", words=words)


@runtime_checkable
class Decider(Protocol):
    """A watch that can ask a person."""

    def is_there(self, question: Question) -> bool:
        """Whether somebody can answer this question now."""

    async def decide(self, question: Question) -> Decision:
        """Ask a person a question, and return the decision."""


YES_OR_NO = "[y]es, [N]o: "
"""The choices of a yes-or-no question, as shown on a terminal."""


def is_yes(typed: str) -> bool:
    """Whether a typed line is a yes."""
    return typed.strip().lower() in ("y", "yes")


def is_no(typed: str) -> bool:
    """Whether a typed line is a no or empty."""
    return typed.strip().lower() in ("", "n", "no")


class Waits(Exception):
    """Raised if nobody can answer a question now; the message is the question."""


def question_id(run: str, turn: int, key: str) -> str:
    """Return the id of a question; it stays the same when the turn is repeated, also in another process.

    Args:
        turn: number of messages in the run.
        key: distinguishes questions of one turn.
    """
    return hashlib.sha256(f"{run}\0{turn}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def this_person() -> str:
    """Return the user of this process as `name@host`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        name = "unknown"
    return f"{name}@{socket.gethostname()}"
