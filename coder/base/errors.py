"""What ends a run other than its result. Each class carries its exit code.

CoderError
├── UsageError          2  a flag, a file or a name that can't be used; nothing was called
│   ├── MissingExtra       an extra of this package isn't installed
│   └── TooLate            what was asked for has happened already: a question has its answer, a run its end
├── ModelError          4  the model, its key or its endpoint
│   ├── ModelAuthError     key missing or refused
│   ├── ModelNotFound      the endpoint doesn't know the model
│   ├── ModelRefused       the request itself was refused (400, 413, 422): never retried
│   │   └── ContextTooLong    the conversation is longer than the model can read
│   └── ModelUnavailable   refused connection, timeouts, 429 and 5xx after all retries
│       └── RateLimited       the endpoint still says: too many requests
├── SharedBudgetEmpty          3  several runs may spend no more together; the call was not made
├── MachineError        5  disk, data folder, log, sandbox
│   ├── LogDamaged         the log can't be read
│   ├── LogNewer           written by a newer version
│   ├── LeaseHeld          another process works on this run
│   └── FolderError        the user's folder can't be read or written; the log can
├── Busy                5  all workers of a server are taken
└── Refused             7  the human said no
"""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from coder.base.usage import Used


def own_command() -> str:
    """How the user starts this program, as printed commands do: `coder`, or such as `./run`."""
    return os.environ.get("CODER_COMMAND") or "coder"


class CoderError(Exception):
    """Something that the user can act on; the message says what happened, why, and what to do."""

    exit_code: ClassVar[int] = 2


class UsageError(CoderError):
    """A flag, a file or a name that can't be used; no call was made."""


class MissingExtra(UsageError):
    """An extra of this package isn't installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Take what is missing, and the extra that brings it, for the interpreter that runs."""
        super().__init__(f"{what} isn't installed. Install it: {install_command(extra)}")


def install_command(extra: str) -> str:
    """The command that installs an extra beside this package: of the clone where it is one."""
    clone = Path(__file__).parents[2]
    is_clone = (clone / "pyproject.toml").is_file()
    wanted = f"-e {shlex.quote(f'{clone}[{extra}]')}" if is_clone else f"'coder-agent[{extra}]'"
    return f"{shlex.quote(sys.executable)} -m pip install {wanted}"


class TooLate(UsageError):
    """What was asked for has happened already: a question has its answer, or a run its end."""


class ModelError(CoderError):
    """The model, its key or its endpoint failed for good."""

    exit_code = 4

    def __init__(self, message: str = "", *, lost: "Used | None" = None) -> None:
        """Take a message; the answer that broke off at last may have used something."""
        super().__init__(message)
        self.lost = lost


class ModelAuthError(ModelError):
    """The key is missing or was refused; the message names the variable, never the value."""


class ModelNotFound(ModelError):
    """The endpoint doesn't know the model."""


class ModelRefused(ModelError):
    """The endpoint refused the request itself; sending it again would not help."""


class ContextTooLong(ModelRefused):
    """The conversation is longer than the model can read; a shorter one may do."""


class ModelUnavailable(ModelError):
    """The endpoint could not be reached or kept failing until the retries were spent."""


class RateLimited(ModelUnavailable):
    """The endpoint kept saying that there are too many requests."""


class SharedBudgetEmpty(CoderError):
    """What several runs may spend together has no room for the next call; it was not made."""

    exit_code = 3


class MachineError(CoderError):
    """The machine failed: disk, data folder, log or sandbox."""

    exit_code = 5


class LogDamaged(MachineError):
    """The event log can't be read."""


class LogNewer(MachineError):
    """The event log was written by a newer version than this one."""


class LeaseHeld(MachineError):
    """Another process works on this run."""


class FolderError(MachineError):
    """A file or folder of the user's can't be read or written; the log isn't concerned."""


class Busy(CoderError):
    """All workers of a server are taken; the same request may be served later."""

    exit_code = 5


class Refused(CoderError):
    """The human said no."""

    exit_code = 7
