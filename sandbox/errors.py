"""Errors of a sandbox itself.

SandboxError
├── BackendMissing      no way to make a sandbox on this machine; the message names the command that helps
│   └── NamespacesRefused   … because the namespaces that bubblewrap needs are refused
├── PolicyUnmet         the policy asks for a guarantee that has no mechanism here
├── SandboxBroken       the sandbox was open and stopped working
├── FileRefused         a path, kind or size of file that may not be read or written
├── ImageNotBuilt       the Docker backend's image could not be made; the message says what to do
└── CallFailed          a function called in a sandbox returned no value
    └── CalleeEnded     … because its process has ended
"""

import os
from typing import Literal

CallFault = Literal["raised", "timeout", "ended", "not plain"]
"""Why a call returned no value; `not plain`: the value can't be copied."""

FileFault = Literal["not_found", "is_directory", "permission", "too_large", "no_room", "refused"]
"""Why a file is refused. `not_found`: or a parent is a file; `refused`: its kind is forbidden."""


def own_command() -> str:
    """Return the name of this program in printed commands: `coder`, or a path such as `./run`."""
    return os.environ.get("CODER_COMMAND") or "coder"


class SandboxError(Exception):
    """The sandbox failed, not the program in it."""


class BackendMissing(SandboxError):
    """No backend works on this machine; the message says what to install or set."""

    def __init__(self, message: str, *, fix: str | None = None) -> None:
        """`fix`: the command in the message that helps, if any."""
        super().__init__(message)
        self.fix = fix


class NamespacesRefused(BackendMissing):
    """This machine refuses the namespaces that bubblewrap or the server needs."""


class PolicyUnmet(SandboxError):
    """The policy asks for a guarantee that has no mechanism here."""


class SandboxBroken(SandboxError):
    """The sandbox was open and its server or walls stopped working."""


class FileRefused(SandboxError):
    """A file is refused: its path leaves the workspace, or it is a link, a device or too large."""

    def __init__(self, message: str, *, kind: FileFault = "refused") -> None:
        """`kind`: why the file is refused."""
        super().__init__(message)
        self.kind = kind


class ImageNotBuilt(SandboxError):
    """The image of the Docker backend could not be made; the message says what to do."""


class CallFailed(SandboxError):
    """A function called in a sandbox raised, hung, ended, or returned a value that can't be copied."""

    def __init__(self, message: str, *, kind: CallFault, exception: str | None = None) -> None:
        """`exception`: name of the standard exception that the function raised."""
        super().__init__(message)
        self.kind = kind
        self.exception = exception


class CalleeEnded(CallFailed):
    """The process of a called function has ended: it hung, exited, crashed, or was killed."""
