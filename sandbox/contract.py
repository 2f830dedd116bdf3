"""The interface of every backend. tests/contracts checks backends against it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypedDict, Unpack

from sandbox.files.workspace_files import WorkspaceFiles
from sandbox.policy import Capability, Limits
from sandbox.program import Program
from sandbox.result import Changes, CommandResult, Result, StillRunning

OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]


class Running(Protocol):
    """A trusted entry of `sandbox.inner` running in its own child, with a channel of bounded frames."""

    async def send(self, frame: bytes) -> None:
        """Send one frame. Raises SandboxBroken if the child has ended."""

    async def receive(self) -> bytes | None:
        """Return the next frame; None once the child has closed its end or was killed by a limit."""

    async def finish(self) -> Result:
        """Kill the child if it still runs, and report how it ended."""


class CommandOptions(TypedDict, total=False):
    """Options of a command of a session."""

    cwd: str
    """Working directory, instead of the program's own; exit code 1 if it can't be entered."""
    environment: Mapping[str, str] | None
    """Overrides variables of the session and of the program."""
    stdin: bytes
    """Its standard input; empty by default."""
    wall_s: float | None
    """Its deadline; the policy's by default."""
    cpu_s: float | None
    """CPU time limit of each of its processes, in seconds; none by default."""
    on_output: Callable[[bytes], None]
    """Called with each piece of kept output."""


class Started(Protocol):
    """A program that runs in the background of a session."""

    @property
    def number(self) -> int:
        """Number of the command, from 1."""

    @property
    def pid(self) -> int:
        """Its pid inside the session; 0 if it could not be started."""

    @property
    def log(self) -> str:
        """Path, in the sandbox, of a file with the head of its output."""

    @property
    def running(self) -> bool:
        """Whether its own process runs."""

    @property
    def processes(self) -> Sequence[StillRunning]:
        """At most twenty of its processes, as of the last check."""

    @property
    def seconds(self) -> float:
        """Seconds since its start."""

    def output(self) -> str:
        """Return its output so far: head and tail if it is long."""

    async def wait(self) -> CommandResult:
        """Wait until its own process ends."""

    async def stop(self) -> CommandResult:
        """End it and all processes it started by SIGTERM and, half a second later, SIGKILL."""


class Clock(Protocol):
    """Counts time that doesn't count toward the limits of commands."""

    @property
    def seconds(self) -> float:
        """Seconds so far."""


class Session(WorkspaceFiles, Protocol):
    """Runs successive commands in one workspace; their background processes keep running.

    A command ends when its own process ends; its output is read for a tenth of a second longer. stdout and
    stderr are one pipe. At its deadline it and its descendants get SIGTERM, half a second later SIGKILL. A
    failing command is a result.

    Methods that run a command raise SandboxBroken if the sandbox stopped working, and ValueError if an
    argument has 128 KiB.
    """

    @property
    def root(self) -> str:
        """Absolute path of the workspace, as commands see it."""

    async def sh(self, script: str, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run a shell script, in bash if there is one."""

    async def run(self, program: Program, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run a program."""

    async def python(self, source: str, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run Python source with the task's interpreter."""

    async def start(self, program: str | Program, **how: Unpack[CommandOptions]) -> Started:
        """Start a program or a shell script in the background."""

    async def background(self) -> Sequence[Started]:
        """Programs and commands that still have running processes."""

    async def serve(
        self,
        answer: Callable[[bytes], Awaitable[bytes]] | None,
        *,
        module: str = "tools",
        clock: Clock | None = None,
    ) -> None:
        """Answer requests of programs, which import `module` (`sandbox.inner.process.tools_module`).

        They come from untrusted code, several at a time, of at most 1 MiB. Replacing `answer` cancels
        unanswered requests; while it is None, requests wait.

        Args:
            answer: may raise ValueError, which closes the connection.
            module: name of the module to import; the first call of `serve` fixes it.
            clock: its seconds don't count toward the limits of commands; by default, all time counts.

        Raises:
            SandboxBroken: the session has ended, or its programs keep the module from being installed.
        """

    async def changes(self, *, ignored: Callable[[str], bool] | None = None) -> Changes:
        """Return the changes in the workspace since the session opened or was rebased.

        Skips anything named `.git`. Pipes, devices, setuid files, links out of the workspace, names that
        aren't UTF-8, files over 10 MiB and all beyond 2,000 files or 100 MiB are listed as left out.

        Args:
            ignored: returns whether to skip a path; paths of folders end with a slash.
        """

    async def rebase(self) -> None:
        """Make the current workspace the base of `changes`."""


class Sandbox(WorkspaceFiles, Protocol):
    """Runs programs isolated from the machine. Opened by `sandbox.open_sandbox`."""

    @property
    def backend(self) -> str:
        """The backend's name for `open_sandbox`."""

    @property
    def image(self) -> str | None:
        """Id of the programs' image; None if they see this machine's own /usr."""

    def capabilities(self) -> Sequence[Capability]:
        """Return each guarantee with its mechanism on this machine."""

    async def run(
        self,
        program: Program,
        *,
        limits: Limits | None = None,
        stdin: bytes | int = b"",
        on_output: OnOutput | None = None,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> Result:
        """Run one program to its end or to a limit; all its processes have ended on return.

        Args:
            program: Python source or a command.
            limits: limits of this run, in place of the policy's.
            stdin: bytes, or a descriptor, which is read as data arrives and isn't closed.
            on_output: called with each piece of output.
            fresh: use a new workspace; files that the program leaves there are the Result's artifacts.
            files: files of a fresh workspace by relative path; scripts (`#!`) and ELF files are executable.

        Raises:
            SandboxBroken: the sandbox itself stopped working.
            FileRefused: a path of `files` leaves the workspace, they exceed the disk limit, or the program's
                `cwd` isn't a folder of the workspace that it may enter.
            ValueError: files without fresh.
        """

    async def start(
        self,
        entry: str,
        arguments: Mapping[str, object],
        *,
        limits: Limits | None = None,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
    ) -> Running:
        """Start `main(channel, arguments)` of `sandbox.inner.<entry>` in its own child.

        The entry may load untrusted code, so don't trust its channel.

        Args:
            entry: package and name of the module, such as `bridge.callee`.
            arguments: passed as JSON.
            limits, fresh, files: as `run`.
        """

    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Open a session for commands, one after another or side by side.

        In a workspace with thousands of files from `lay`, renaming one of their folders may fail (EXDEV).

        Args:
            fresh, files: as `run`.
            environment: variables of every command; they override the usual ones.

        Raises:
            BackendMissing: this backend has no sessions, or none with this engine.
            ValueError: files without fresh.
        """

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files; return the SHA-256 (hex) of each.

        Unchanged files aren't rewritten. Scripts and ELF files are executable.

        Raises:
            FileRefused: a path leaves the workspace, or the disk limit is reached.
        """

    async def manifest(self) -> dict[str, str]:
        """Return the SHA-256 (hex) of each regular file of the workspace by relative path."""

    async def close(self) -> None:
        """End every process, and release all resources. Idempotent."""
