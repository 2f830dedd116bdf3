"""ForgeRequest: what a person asks for in an issue or a pull request, as an event of a forge reports it."""

import re
from typing import Annotated, Protocol

from pydantic import Field, ValidationError

from coder.base.errors import MachineError, UsageError
from sandbox.result import Value

RepositoryName = Annotated[str, Field(pattern=r"^[.-]*\w[\w.-]*(/[.-]*\w[\w.-]*)+$")]
"""Path of a repository on a forge. It becomes part of addresses, so no segment is `.` or `..`."""


class NothingToDo(Exception):
    """The event asks for nothing; the message says why."""


class ForgeError(MachineError):
    """The forge can't be reached, or refused a request."""


class Remark(Value):
    """A comment, with its place in the pull request if it has one."""

    author: str
    text: str
    path: str | None = None
    line: int | None = None


class ForgeRequest(Value):
    """A request for work. All texts are data, whoever wrote them."""

    repository: str
    """`owner/name`, or the path of a GitLab project."""
    actor: str
    """Login of the person who caused the event."""
    actor_id: int | None = None
    """GitLab's number of that person."""
    number: int
    """Number of the issue, or of the pull request."""
    on_pull_request: bool = False
    """Whether `number` is a pull request's."""
    title: str
    text: str = ""
    """The description of the issue; empty on a pull request."""
    remarks: tuple[Remark, ...] = ()
    """Comments that caused the event."""
    review: int | None = None
    """The review, whose comments belong to the request."""
    thread: str | None = None
    """The thread to answer in; None answers on the issue or pull request itself."""
    base: str = Field(min_length=1)
    """The default branch."""


class PullRequest(Value):
    """A pull request, or GitLab's merge request."""

    number: int
    title: str
    branch: str
    is_own: bool
    """Whether its branch is in the repository itself, not in a fork."""
    is_open: bool
    url: str


class Forge(Protocol):
    """A forge by its API. All methods raise ForgeError."""

    async def may_write(self, request: ForgeRequest) -> bool:
        """Whether the actor of a request may write to the repository."""

    async def issue(self, number: int) -> tuple[str, str]:
        """Return title and description of an issue."""

    async def pull_request(self, number: int) -> PullRequest:
        """Return a pull request."""

    async def open_pull_request(self, branch: str) -> PullRequest | None:
        """Return the open pull request of a branch of the repository, or None."""

    async def remarks(self, request: ForgeRequest) -> tuple[Remark, ...]:
        """Return the comments of the request's review."""

    async def propose(self, *, title: str, body: str, branch: str, base: str) -> str:
        """Open a pull request, and return its address."""

    async def answer(self, request: ForgeRequest, body: str) -> None:
        """Comment on the issue or pull request of a request, in its thread if it has one."""


class Trigger(Value):
    """What makes an event a request."""

    phrase: str
    label: str

    def is_in(self, *texts: str | None) -> bool:
        """Whether a text has the phrase as a word of its own, not as a part of an address or a name."""
        phrase = re.compile(rf"(?<![\w@./-]){re.escape(self.phrase)}(?![\w-]|\.\w)", re.IGNORECASE)
        return bool(self.phrase) and any(phrase.search(text or "") for text in texts)


def unreadable_event(error: ValidationError) -> UsageError:
    """Return the error for an event with a missing or invalid field."""
    row = error.errors()[0]
    return UsageError(f"The event can't be read: {'.'.join(map(str, row['loc']))}: {row['msg']}")
