"""Questions: what a run asks a person, durable in its log, and one way to put them.

A question that has an answer in the log isn't put again. Where nobody can answer now, the run ends as
`waiting`, and goes on when it is answered: on the terminal, by `coder approve`, or from Python.
"""

import getpass
import hashlib
import socket
from operator import not_
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from coder.base.text.sanitize import join_surrogates

About = Literal["landing", "tools", "plan", "network", "tests", "task"]
"""What it is about; the first four can be made to wait for a person by `Settings.approve`."""


class Decision(BaseModel):
    """The answer to a question, by whom and where."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    decision: str
    """`yes`, `no`, `always` or an option; empty where the words are the answer."""
    words: Annotated[str, AfterValidator(join_surrogates)] = Field(default="", exclude_if=not_)
    """With a no: what should be different."""
    files: dict[str, str | None] | None = Field(default=None, exclude_if=not_)
    """The person's own version of the change, which is tried in place of the proposed one."""
    who: str = ""
    how: Literal["terminal", "flag", "approve", "library", "mcp", "http", "default"] = "library"

    @property
    def agrees(self) -> bool:
        """It is a yes."""
        return self.decision in ("yes", "always")

    @property
    def answer_text(self) -> str:
        """The answer in words."""
        return self.words or self.decision


class Question(BaseModel):
    """What is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["approve", "choose", "text"]
    """`approve`: yes or no; `choose`: one of the options, or words; `text`: words."""
    about: About
    text: str
    options: tuple[str, ...] = Field(default=(), exclude_if=not_)
    patch: str = Field(default="", exclude_if=not_)
    """The change that is asked about."""
    subject: str = Field(default="", exclude_if=not_)
    """The tool or host."""
    by: str = ""
    """The participant that asks; empty for the loop itself."""
    note: str = Field(default="", exclude_if=not_)
    """What a person should know before the answer."""
    files: dict[str, str | None] = Field(default={}, exclude=True)
    """Whole texts of the change by path, for a person who edits it; None deletes."""
    passed: bool = Field(default=True, exclude=True)
    """The change has passed what was run."""
    by_flag: bool = Field(default=False, exclude=True)
    """`--yes` answers it, too."""

    def worded(self, words: str) -> Decision:
        """The answer in words: one of the options, by number or as it stands, or any other."""
        words = words.strip()
        if words.isascii() and words.isdigit() and 1 <= int(words) <= len(self.options):
            return Decision(decision=self.options[int(words) - 1])
        is_choice = words in self.options or (self.kind == "approve" and words in ("yes", "no"))
        return Decision(decision=words) if is_choice else Decision(decision="", words=words)


@runtime_checkable
class Decider(Protocol):
    """A watch through which a person can be asked."""

    def is_there(self, question: Question) -> bool:
        """Whether somebody can answer this now."""

    async def decide(self, question: Question) -> Decision:
        """Put a question to a person."""


YES_OR_NO = "[y]es, [N]o: "
"""The choices of a question that only yes and no answer, as every terminal shows them."""


def is_yes(typed: str) -> bool:
    """Whether a typed line is a yes."""
    return typed.strip().lower() in ("y", "yes")


def is_no(typed: str) -> bool:
    """Whether a typed line is a no; so is an empty one."""
    return typed.strip().lower() in ("", "n", "no")


class Waits(Exception):
    """Nobody can answer a question now: its text is the message."""


def question_id(run: str, turn: int, key: str) -> str:
    """The id of a question: the same one when its turn is taken again, also in another process.

    Args:
        turn: how many messages the run holds.
        key: what tells questions of one turn apart.
    """
    return hashlib.sha256(f"{run}\0{turn}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def this_person() -> str:
    """The user of this process, `name@host`."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a uid without a name
        name = "unknown"
    return f"{name}@{socket.gethostname()}"
