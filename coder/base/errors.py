"""Errors that end a run. Each class has its exit code.

CoderError
├── UsageError          2  a flag, a file or a name that can't be used; nothing was called
│   ├── MissingExtra       an extra of this package isn't installed
│   ├── EventRefused       an event couldn't be read back, so it was not stored
│   ├── PackagesMissing    packages that the tests need aren't installed
│   ├── LimitTooLow      5  a limit of the sandbox, not the code, fails the test command
│   └── TooLate            the question was answered already, or the run has ended
├── ModelError          4  the model, its key or its endpoint
│   ├── ModelAuthError     key missing or refused
│   ├── ModelNotFound      the endpoint doesn't know the model
│   ├── ModelRefused       the request itself was refused (400, 413, 422): never retried
│   │   ├── ContextTooLong    the conversation is longer than the model can read
│   │   └── ToolsRefused      the endpoint takes no tools with this model
│   └── ModelUnavailable   refused connection, timeouts, 429 and 5xx after all retries
│       └── RateLimited       too many requests, still after all retries
├── SharedBudgetEmpty          3  the budget shared by several runs doesn't allow the call or a whole answer
├── MachineError        5  disk, data folder, log, sandbox
│   ├── LogDamaged         the log can't be read
│   │   └── BlobMissing        a content that an event refers to is missing
│   ├── LogNewer           written by a newer version
│   ├── StoreRefused      10  the store of blobs refuses the key
│   ├── LeaseHeld          another process works on this run
│   └── FolderError        the user's folder can't be read or written; the log can
├── Busy                5  all workers of a server are taken
└── Refused             7  the user, or a guard that the user installed, said no
"""

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from coder.base.usage import Used


_OTHER_NAME = "coder-agent"
"""Our second entry point."""


def own_command() -> str:
    """Return the command with which the user started this program: `coder`, or another such as `./run`.

    If coder.com's CLI of the same name is installed, ours is started as `coder-agent`.
    """
    is_other_name = Path(sys.argv[0]).name == _OTHER_NAME
    return os.environ.get("CODER_COMMAND") or (_OTHER_NAME if is_other_name else "coder")


class CoderError(Exception):
    """Error that the user can act on; the message says what happened, why, and what to do."""

    exit_code: ClassVar[int] = 2


class UsageError(CoderError):
    """A flag, a file or a name can't be used; no model was called."""


class MissingExtra(UsageError):
    """An optional dependency of this package (an "extra") isn't installed."""

    def __init__(self, what: str, extra: str) -> None:
        """Create the error: name what isn't installed, and how to install the extra that contains it."""
        super().__init__(f"{what} isn't installed. Install it: {install_command(extra)}")


def install_command(extra: str) -> str:
    """Return the pip command that installs an extra of coder, from the clone if coder runs from one."""
    clone = Path(__file__).parents[2]
    is_clone = (clone / "pyproject.toml").is_file()
    requirement = f"-e {shlex.quote(f'{clone}[{extra}]')}" if is_clone else f"'coder-agent[{extra}]'"
    return f"{shlex.quote(sys.executable)} -m pip install {requirement}"


class EventRefused(UsageError):
    """An event couldn't be read back from the log, so it was not stored."""


class PackagesMissing(UsageError):
    """The tests need packages that aren't installed, and that `--install` would install."""


class LimitTooLow(UsageError):
    """A limit of the sandbox, not the code, fails the test command; no model was called."""

    exit_code = 5


class TooLate(UsageError):
    """The request came too late: the question was answered already, or the run has ended."""


class ModelError(CoderError):
    """The model, its key or its endpoint failed for good."""

    exit_code = 4

    def __init__(self, message: str = "", *, lost: "Used | None" = None) -> None:
        """Create the error; `lost`: tokens and cost of the answer that was cut off, if there was one."""
        super().__init__(message)
        self.lost = lost


class ModelAuthError(ModelError):
    """The key is missing or was refused; the message names the variable, never the value."""


class ModelNotFound(ModelError):
    """The endpoint doesn't know the model."""


class ModelRefused(ModelError):
    """The endpoint refused the request itself; sending it again would not help."""


class ContextTooLong(ModelRefused):
    """The conversation is longer than the model's context; a shorter one may fit."""


class ToolsRefused(ModelRefused):
    """The endpoint refuses every request with tools for a model that has never called one."""


class ModelUnavailable(ModelError):
    """The endpoint could not be reached, or failed until all retries were used."""


class RateLimited(ModelUnavailable):
    """The endpoint refused all attempts because of too many requests."""


ENDPOINT_ERRORS = (ModelUnavailable, ModelAuthError, ModelNotFound)
"""Errors of an endpoint that no answer or request brings about."""


def model_error(name: str) -> type[ModelError]:
    """Return the class of a model's errors with this name, as logs have it; ModelError if there is none."""
    kind = globals().get(name)
    return kind if isinstance(kind, type) and issubclass(kind, ModelError) else ModelError


class SharedBudgetEmpty(CoderError):
    """The budget that several runs share doesn't allow the next call, or didn't allow a whole answer."""

    exit_code = 3
    lost: "Used | None" = None
    """Usage of an answer that was cut; None: the call was not made."""


class MachineError(CoderError):
    """The machine failed: disk, data folder, log or sandbox."""

    exit_code = 5


class LogDamaged(MachineError):
    """The event log can't be read."""


class BlobMissing(LogDamaged):
    """A content that an event refers to is missing."""


class LogNewer(MachineError):
    """The event log was written by a newer version of coder."""


class StoreRefused(MachineError):
    """The store of blobs refuses the key, or there is no key."""

    exit_code = 10


class LeaseHeld(MachineError):
    """Another process works on this run."""


class FolderError(MachineError):
    """A file or folder of the user can't be read or written. The log is not affected."""


class Busy(CoderError):
    """All workers of the server are busy; the same request may succeed later."""

    exit_code = 5


class Refused(CoderError):
    """The user, or a guard that the user has installed, said no."""

    exit_code = 7
