"""The seam: what every backend promises. tests/contracts holds the suite that checks a backend against it."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol, TypedDict, Unpack

from pydantic import BaseModel, ConfigDict

from sandbox.files.workspace_files import WorkspaceFiles
from sandbox.policy import Limits
from sandbox.program import Program
from sandbox.result import Changes, CommandResult, Result, StillRunning

OnOutput = Callable[[Literal["stdout", "stderr"], bytes], None]


class Capability(BaseModel):
    """One guarantee and the mechanism that keeps it here, or None when nothing does."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    guarantee: str
    mechanism: str | None
    sampled: bool = False
    """It is looked at now and then, so that what is quick can pass it for a moment."""

    @property
    def kept(self) -> Literal["enforced", "sampled", "none"]:
        """How well: a strict policy wants every guarantee enforced."""
        if self.mechanism is None:
            return "none"
        return "sampled" if self.sampled else "enforced"


class Running(Protocol):
    """A trusted entry of `sandbox.inner` at work in a child of its own, with a channel of bounded frames."""

    async def send(self, frame: bytes) -> None:
        """Send one frame.

        Raises:
            SandboxBroken: the child is gone.
        """

    async def receive(self) -> bytes | None:
        """Next frame, or None once the child has closed its end or was killed by a limit."""

    async def finish(self) -> Result:
        """Kill what is left of the child and say how it ended."""


class CommandOptions(TypedDict, total=False):
    """How a command of a session is run; each has a default."""

    cwd: str
    """A folder of the workspace; the program's own. Where it can't be entered the exit code is 1."""
    environment: Mapping[str, str] | None
    """Over the session's variables and the program's."""
    stdin: bytes
    """What it reads from its standard input; nothing."""
    wall_s: float | None
    """Until it is ended; the policy's."""
    cpu_s: float | None
    """Bounds each of its processes; nothing does."""
    on_output: Callable[[bytes], None]
    """Called with each piece of output as it comes, as far as it is kept."""


class Started(Protocol):
    """A program that runs in the background of a session."""

    @property
    def number(self) -> int:
        """Of the command, from 1 on."""

    @property
    def pid(self) -> int:
        """As commands of the session see it; 0 where it could not be started."""

    @property
    def log(self) -> str:
        """Where commands find the head of its output."""

    @property
    def running(self) -> bool:
        """Whether its own process lives."""

    @property
    def processes(self) -> Sequence[StillRunning]:
        """What lived of it at the latest look, at most twenty."""

    @property
    def seconds(self) -> float:
        """Since its begin."""

    def output(self) -> str:
        """What it wrote so far: head and tail where that is much."""

    async def wait(self) -> CommandResult:
        """Wait until its own process ends."""

    async def stop(self) -> CommandResult:
        """End it and what it has started: SIGTERM, after half a second SIGKILL."""


class Session(WorkspaceFiles, Protocol):
    """A place that stays: commands follow one another in it, and what they leave running lives on.

    A command ends when its own process ends; its output is waited for a tenth of a second longer. It reads
    what it is given, and writes stdout and stderr to one pipe. At its deadline it and what it has started get
    SIGTERM, half a second later SIGKILL; what others started is left alone. A failing command is a result.

    What runs a command raises SandboxBroken where the sandbox stopped working, and ValueError where a word
    has 128 KiB.
    """

    async def sh(self, script: str, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run a script of the shell, bash where there is one."""

    async def run(self, program: Program, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run a program."""

    async def python(self, source: str, **how: Unpack[CommandOptions]) -> CommandResult:
        """Run Python source with the task's interpreter."""

    async def start(self, program: str | Program, **how: Unpack[CommandOptions]) -> Started:
        """Start a program, or a script of the shell: it lives until it is stopped or the session closes."""

    async def background(self) -> Sequence[Started]:
        """Programs that were started and commands that left processes running, as far as these still live."""

    async def changes(self, *, ignored: Callable[[str], bool] | None = None) -> Changes:
        """What differs in the workspace from what it held when the session opened, or was rebased.

        Never anything called `.git`. Pipes, devices, setuid files, links that leave the workspace, names that
        aren't UTF-8, files over 10 MiB and what goes over 2,000 files or 100 MiB are left out and named.

        Args:
            ignored: asked of each path, a folder's with a slash at its end; what it names is not looked at.
        """

    async def rebase(self) -> None:
        """Compare with the workspace as it is now from here on."""


class Sandbox(WorkspaceFiles, Protocol):
    """A place where a program can do no harm. Open one with `sandbox.open_sandbox`."""

    @property
    def backend(self) -> str:
        """The name by which `open_sandbox` opens this kind of sandbox."""

    @property
    def image(self) -> str | None:
        """Id of the image that programs find themselves in; None where they see this machine's own /usr."""

    def capabilities(self) -> Sequence[Capability]:
        """Each guarantee with the mechanism that keeps it on this machine."""

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
        """Run one program to its end or to a limit; every process of it is dead when this returns.

        Args:
            program: Python source or a command.
            limits: what it may use, where that is less than the policy's.
            stdin: what it reads from its standard input: bytes, or a descriptor that is read as it comes
                and stays the caller's.
            on_output: called with each piece of output as it comes.
            fresh: give it a workspace of its own; the files that it leaves there are the Result's artifacts.
            files: what a fresh workspace holds at first, by relative path; what begins as a program does
                (`#!`, ELF) is executable.

        Raises:
            SandboxBroken: the sandbox itself stopped working.
            FileRefused: a path of `files` leaves the workspace, there is no room for them, or the program's
                `cwd` isn't there, isn't a folder, is closed, leaves the workspace, or goes over a link.
            ValueError: files without fresh.
        """

    async def start(
        self,
        entry: str,
        arguments: Mapping[str, object],
        *,
        limits: Limits | None = None,
        fresh: bool = False,
    ) -> Running:
        """Start `main(channel, arguments)` of `sandbox.inner.<entry>` in a child of its own.

        The entry may load code that nobody has read; what comes over its channel is to be trusted as little.

        Args:
            entry: room and name of the module, such as `bridge.callee`.
            arguments: what crosses as JSON.
            limits, fresh: as `run` has them.
        """

    def session(
        self,
        *,
        fresh: bool = False,
        files: Mapping[str, bytes] | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> AbstractAsyncContextManager[Session]:
        """Open a place where commands follow one another and live side by side.

        In a workspace where thousands of files were laid, a folder of those may not be renamed (EXDEV).

        Args:
            fresh, files: as `run` has them.
            environment: variables of every command, over the usual ones.

        Raises:
            BackendMissing: this backend has no sessions, or not with this engine.
            ValueError: files without fresh.
        """

    async def lay(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Make the workspace hold exactly these files, and give the SHA-256 (hex) of each.

        What is there already, just as it was written, isn't written again; everything else goes, whatever it
        is. What begins as a program does (`#!`, ELF) is executable.

        Raises:
            FileRefused: a path leaves the workspace, or the disk limit is reached.
        """

    async def manifest(self) -> dict[str, str]:
        """SHA-256 (hex) of each regular file of the workspace by its relative path."""

    async def close(self) -> None:
        """End every process, and give back whatever the sandbox held. Idempotent."""
