"""A sandbox whose one session stays open between calls; its commands have two output streams."""

import asyncio
import errno
import os
import secrets
import shlex
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from sandbox.contract import Session
from sandbox.errors import FileRefused, SandboxBroken
from sandbox.open import open_sandbox
from sandbox.policy import Policy, session_policy
from sandbox.program import Command
from sandbox.result import CommandResult

LONGEST_S = 86_400.0
"""Wall time limit, in seconds, of a command without its own."""
CANNOT_EXECUTE = 126
"""Exit code of a shell that may not execute a program."""
_OUTPUT_BYTES = 16 << 20
_PIECE = 8 << 20
"""Bytes of a file that one command reads; fewer than a session keeps of a command's output."""
_FILE_S = 120.0
_LONGEST_SCRIPT = 100_000
_TAKE_ERRORS = 'if [ -f "$1" ]; then head -c "$2" -- "$1"; fi; rm -f -- "$1"'
_FAULTS = {2: errno.ENOENT, 13: errno.EACCES, 21: errno.EISDIR, 28: errno.ENOSPC}
"""Error number by exit code of the scripts below."""
_READ = """
if [ -d "$1" ]; then exit 21; elif [ ! -e "$1" ]; then exit 2; elif [ ! -r "$1" ]; then exit 13; fi
exec 2> /dev/null
tail -c "+$2" -- "$1" | head -c "$3"
"""
_WRITE = """
exec 2> /dev/null
if [ -d "$1" ]; then exit 21; fi
mkdir -p -- "$(dirname -- "$1")" || exit 13
(: > "$1") || exit 13
cat > "$1" || exit 28
"""


@dataclass(frozen=True, slots=True)
class EndedCommand:
    """How a command ended, and the bytes of its two streams, each up to the requested maximum."""

    exit_code: int
    """The command's exit code, or, as in shells, 128 plus the number of the signal that ended it."""
    stdout: bytes
    stderr: bytes
    too_long: bool
    """Whether a stream had more bytes than requested."""


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class KeptSession:
    """A sandbox and its session, opened and closed by calls from any task of one event loop."""

    def __init__(self, policy: Policy | None = None, *, backend: str = "auto") -> None:
        """`policy`: by default `session_policy()`; its limits of output and of wall time are raised."""
        limits = {"output_bytes": _OUTPUT_BYTES, "wall_s": LONGEST_S}
        self._policy = (policy or session_policy()).model_copy(update=limits)
        self._backend = backend
        self._end = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._session: Session | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def session(self) -> Session:
        """The session; code without an event loop may take it, to use it on its own.

        Raises:
            SandboxBroken: it isn't open.
            RuntimeError: it was opened on another event loop, where its output arrives.
        """
        if self._session is None:
            raise SandboxBroken("The sandbox isn't open.")
        if _running_loop() not in (None, self._loop):
            raise RuntimeError(
                "The sandbox was opened on another event loop, and can only be used there. Open one on this "
                "loop, or use asyncio.run once for all calls."
            )
        return self._session

    async def open(self) -> Self:
        """Open the session; a cancelled call leaves none. Raises as `open_sandbox` and `Sandbox.session`."""
        self._loop = asyncio.get_running_loop()
        opened: asyncio.Future[None] = self._loop.create_future()
        self._keeper = asyncio.create_task(self._keep(opened))
        try:
            await asyncio.wait({opened, self._keeper}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            self._keeper.cancel()
            await asyncio.wait({self._keeper})
            raise
        if not opened.done():
            self._keeper.result()
        return self

    async def close(self) -> None:
        """End its processes and remove its files. Idempotent."""
        self._end.set()
        if self._keeper is not None:
            await asyncio.shield(asyncio.wait({self._keeper}))

    async def _keep(self, opened: "asyncio.Future[None]") -> None:
        async with open_sandbox(self._policy, backend=self._backend) as box, box.session() as session:
            self._session = session
            opened.set_result(None)
            try:
                await self._end.wait()
            finally:
                self._session = None

    async def execute(
        self,
        words: Sequence[str],
        *,
        cwd: str | None = None,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        wall_s: float | None = None,
        most_bytes: int = _OUTPUT_BYTES // 2,
    ) -> EndedCommand:
        """Run a program, found on its own PATH.

        Args:
            words: its name and arguments.
            cwd: an absolute path, or one below the workspace, which is the default.
            environment: overrides variables.
            stdin: its standard input.
            wall_s: its deadline, at which it and its descendants are killed.
            most_bytes: maximum returned bytes of each stream; of stdout at most 16 MiB.

        Raises:
            TimeoutError: the deadline has passed.
            SandboxBroken: the sandbox isn't open, or stopped working.
        """
        errors = f"/tmp/.stderr-{secrets.token_hex(8)}"  # programs can't have made a pipe there
        enter = f"cd -- {shlex.quote(cwd)} && " if cwd is not None else ""
        script = f"exec 2> {errors}; {enter}exec {shlex.join(words)}"
        if len(script.encode("utf-8", "surrogateescape")) > _LONGEST_SCRIPT:
            script = await self._leave_script(script)
        command = Command(argv=("/bin/sh", "-c", script), environment=dict(environment or {}))
        result = await self.session.run(command, stdin=stdin, wall_s=wall_s or LONGEST_S)
        stderr = await self._run(_TAKE_ERRORS, errors, str(most_bytes + 1))
        if result.killed_by == "wall":
            raise TimeoutError(f"{words[0]} didn't end within {wall_s:g} s")
        too_long = result.truncated or max(result.output_bytes, stderr.output_bytes) > most_bytes
        return EndedCommand(
            exit_code=result.exit_code if result.exit_code is not None else 128 + _signal_of(result),
            stdout=result.raw_output[:most_bytes],
            stderr=stderr.raw_output[:most_bytes],
            too_long=too_long,
        )

    async def read(self, path: str, *, most_bytes: int) -> bytes:
        """Read a file that the session's programs may read, up to `most_bytes` and one more byte.

        Args:
            path: absolute, or below the workspace.
            most_bytes: maximum size; the content of a larger file is returned with one byte more.

        Raises:
            OSError: as for `open`, such as FileNotFoundError, IsADirectoryError or PermissionError.
            TimeoutError: it took two minutes.
            SandboxBroken: the sandbox isn't open, or stopped working.
        """
        content = b""
        while (room := most_bytes + 1 - len(content)) > 0:
            size = min(room, _PIECE)
            piece = (await self._file(_READ, path, str(len(content) + 1), str(size))).raw_output
            content += piece
            if len(piece) < size:
                break
        return content

    async def write(self, path: str, content: bytes) -> None:
        """Write a file with the session's rights, and create missing folders. Raises as `read` does."""
        await self._file(_WRITE, path, stdin=content)

    async def _leave_script(self, script: str) -> str:
        """Write a script that is too long for an argument to a file; return a script that runs it."""
        path = f"/tmp/.script-{secrets.token_hex(8)}"
        await self.write(path, f"rm -f -- {path}; {script}\n".encode("utf-8", "surrogateescape"))
        return f". {path}"

    async def _file(self, script: str, path: str, *arguments: str, stdin: bytes = b"") -> CommandResult:
        full_path = os.path.join(self.session.root, path)
        if "\0" in path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        result = await self._run(script, full_path, *arguments, stdin=stdin)
        if result.killed_by == "wall":
            raise TimeoutError(f"{path} could not be read or written within {_FILE_S:g} s")
        if (fault := _FAULTS.get(result.exit_code or 0)) is not None:
            raise OSError(fault, os.strerror(fault), path)
        if not result.ok:
            raise SandboxBroken(f"{path} could not be read or written: {result.status}.")
        return result

    async def _run(self, script: str, *arguments: str, stdin: bytes = b"") -> CommandResult:
        command = Command(argv=("/bin/sh", "-c", script, "sh", *arguments))
        try:
            return await self.session.run(command, stdin=stdin, wall_s=_FILE_S)
        except FileRefused as error:
            raise SandboxBroken(str(error)) from error


def _signal_of(result: CommandResult) -> int:
    return result.signal if result.signal is not None else signal.SIGKILL
