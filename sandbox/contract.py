"""The seam: what every backend promises. tests/contracts holds the suite that checks a backend against it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

from pydantic import BaseModel, ConfigDict

from sandbox.policy import Limits
from sandbox.program import Program
from sandbox.result import Result

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


class Sandbox(Protocol):
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
            fresh: give it a workspace of its own, which no other run sees, and hand out the files that it
                wrote there as the Result's artifacts.
            files: what a fresh workspace holds at first, by relative path; what begins as a program does
                (`#!`, ELF) is executable.

        Raises:
            SandboxBroken: the sandbox itself stopped working.
            FileRefused: a path of `files` leaves the workspace, or there is no room for them.
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
            limits: what it may use, where that is less than the policy's.
            fresh: give it an empty workspace of its own, which no other run sees.
        """

    async def write(self, path: str, content: bytes, *, executable: bool = False) -> None:
        """Write one file of the workspace; folders on the way are made.

        Raises:
            FileRefused: the path leaves the workspace or goes over a link, or the disk limit is reached.
        """

    async def read(self, path: str, *, limit: int = 16 << 20) -> bytes:
        """Read one regular file of the workspace.

        Raises:
            FileRefused: it isn't there, isn't a regular file, goes over a link, or is too large.
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

    async def remove(self, path: str) -> None:
        """Remove one file or folder of the workspace, "." is all of it; what isn't there is no error."""

    async def close(self) -> None:
        """End every process, and give back whatever the sandbox held. Idempotent."""
