"""What can go wrong with a sandbox itself.

SandboxError
├── BackendMissing      no way to make a sandbox on this machine; the message names the command that helps
├── PolicyUnmet         the policy asks for what can't be kept here
├── SandboxBroken       it was open and stopped working
├── FileRefused         a path, kind or size of file that isn't let in or out
├── ImageNotBuilt       the Docker backend's image could not be made; the message says what to do
└── CallFailed          a function called in a sandbox gave no value
    └── CalleeEnded     … since its process is over
"""


class SandboxError(Exception):
    """The sandbox failed, not the program in it."""


class BackendMissing(SandboxError):
    """No backend works on this machine; the message says what to install or set."""


class PolicyUnmet(SandboxError):
    """The policy asks for a guarantee that has no mechanism here."""


class SandboxBroken(SandboxError):
    """The sandbox was open and its server or walls stopped working."""


class FileRefused(SandboxError):
    """A file that isn't let in or out: a path that leaves the workspace, a link, a device, too large."""


class ImageNotBuilt(SandboxError):
    """The image of the Docker backend could not be made; the message says what to do."""


class CallFailed(SandboxError):
    """A function called in a sandbox gave no value: it raised, hung, ended, or it can't be copied."""


class CalleeEnded(CallFailed):
    """The process of a function that was called is over: it hung, left, crashed, or was killed."""
