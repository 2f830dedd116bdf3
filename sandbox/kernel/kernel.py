"""A kernel that lives in a session: a program of its background, and each cell is a command."""

import asyncio
import contextlib
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.contract import OnOutput, Sandbox, Session, Started
from sandbox.errors import BackendMissing, own_command
from sandbox.inner.kernel.kernel_service import READY
from sandbox.interpreter.interpreter import describe, fits
from sandbox.open import open_sandbox
from sandbox.policy import Policy, session_policy
from sandbox.program import Command
from sandbox.result import CommandResult, Result
from sandbox.supervisor.shipped import INNER_INSIDE

_CODE = (
    f"import sys; sys.path[0] = {str(PurePosixPath(INNER_INSIDE).parents[1])!r}\n"
    "from sandbox.inner.kernel import {0} as programs\n"
    "sys.exit({1})"
)
_SEE = _CODE.format("kernel_process", "not programs.can_load()")
_BOOT_S = 60.0
_QUICK = ("-I", "-S")
"""Flags of a cell's command, which imports nothing of packages."""
_READ_S = 5.0
"""Longest wait for a picture: a cell may put a pipe in its place."""
_ANSWER_S = 8.0
"""Longest wait for a kernel after a cell that was ended; its own grace is five seconds."""
_FIRST = "ls -1 /tmp/out/cell-$CELL-[1-9].png 2> /dev/null"


def program(
    name: str, *arguments: str, module: str = "kernel_service", flags: tuple[str, ...] = ()
) -> Command:
    """One of the programs of `sandbox.inner.kernel`, with flags of Python."""
    code = _CODE.format(module, f"programs.{name}()")
    return Command(argv=("python", *flags, "-c", code, *arguments))


def new_home() -> str:
    """A folder of a new kernel inside the sandbox."""
    return f"/tmp/.kernel-{secrets.token_hex(8)}"


async def run_cells(
    sandbox: Sandbox,
    cells: Sequence[str],
    *,
    on_output: OnOutput | None = None,
    fresh: bool = False,
    files: Mapping[str, bytes] | None = None,
) -> Result:
    """Run cells as one program, within its limits.

    What they show besides text are files of the workspace: `cell-3-1.png` is the first rich output of the
    third cell. Arguments and errors as `Sandbox.run` has them.
    """
    command = program("run_cells", new_home())
    command = command.model_copy(update={"environment": {"XDG_CACHE_HOME": "/tmp/.cache"}})
    content = json.dumps(list(cells)).encode()
    return await sandbox.run(command, stdin=content, on_output=on_output, fresh=fresh, files=files)


async def require_kernel(sandbox: Sandbox, policy: Policy) -> None:
    """See that the sandbox's interpreter has a kernel.

    Raises:
        BackendMissing: it has none; the message names the command that helps.
        SandboxBroken: the sandbox itself stopped working.
    """
    if (await sandbox.run(Command(argv=("python", "-c", _SEE)))).ok:
        return
    if sandbox.backend not in ("bubblewrap", "docker"):
        raise BackendMissing(
            f"The sandbox backend {sandbox.backend!r} has no kernels. Open it with bubblewrap."
        )
    fix = install_command(sandbox.backend, policy.python)
    raise BackendMissing(f"The interpreter of the sandbox has no ipykernel. Install it with: {fix}", fix=fix)


def install_command(backend: str, python: Path | None) -> str:
    """The command that gives programs of a backend a kernel.

    It names our own Python wherever theirs can borrow from that: theirs may be Debian's, which refuses pip.

    Args:
        backend: where programs run.
        python: the interpreter that the policy names; None for the usual one.
    """
    if backend == "docker":
        return f"{own_command()} sandbox build"
    theirs = describe(python)
    named = sys.executable if fits(theirs) else theirs.path
    return f"{named} -m pip install ipykernel jupyter_client"


@dataclass(frozen=True, slots=True)
class Cell:
    """How a cell ended."""

    number: int
    result: CommandResult
    """Its output is what it printed and showed as text."""
    state_lost: bool
    """The kernel ended, within this cell or before it; definitions of earlier cells are lost."""


class Kernel:
    """Runs cells one after the other; what one defines, the next one finds."""

    def __init__(self, session: Session) -> None:
        """Start nothing yet."""
        self.session = session
        """Its workspace is the folder of the cells."""
        self._turn = asyncio.Lock()
        self._kernel: Started | None = None
        self._home, self._cells, self._is_late = "", 0, False

    async def execute(
        self,
        source: str,
        *,
        wall_s: float | None = None,
        on_output: Callable[[bytes], None] = lambda chunk: None,
    ) -> Cell:
        """Run a cell; others wait for their turn.

        At its wall time a cell is interrupted, and so it is when the caller is cancelled. A kernel that goes
        on for five seconds is ended; the next cell gets another one.

        Args:
            source: what a cell of a notebook holds; the value of its last expression is shown.
            wall_s: the policy's, where none is given.
            on_output: called with each piece of output as it comes.

        Raises:
            BackendMissing: there is no ipykernel, or it doesn't start.
            SandboxBroken: the sandbox itself stopped working.
        """
        async with self._turn:
            if self._is_late:
                await self._check_answer()
            lost = self._kernel is not None and not self._kernel.running
            if self._kernel is None or lost:
                self._kernel = await self._start()
            self._cells += 1
            cell = program("run_cell", self._home, str(self._cells), module="kernel_cell", flags=_QUICK)
            content = source.encode("utf-8", "replace")
            result = await self.session.run(cell, stdin=content, wall_s=wall_s, on_output=on_output)
            self._is_late = result.killed_by is not None
            if not self._kernel.running:
                self._kernel, lost = None, True
            return Cell(self._cells, result, lost)

    async def restart(self) -> None:
        """End the kernel; the next cell starts another one."""
        async with self._turn:
            if self._kernel is not None:
                await self._kernel.stop()
                self._kernel = None

    async def pictures(self, cell: int, *, most: int, largest: int) -> list[bytes]:
        """The first PNG pictures that a cell showed, without larger ones. Their content is not verified.

        Args:
            cell: its number.
            most: up to nine.
            largest: bytes of one.
        """
        listed = await self.session.sh(_FIRST, environment={"CELL": str(cell)})
        found: list[bytes] = []
        for path in listed.output.splitlines()[:most]:
            head = Command(argv=("head", "-c", str(largest + 1), "--", path))
            read = await self.session.run(head, wall_s=_READ_S)
            if read.ok and not read.truncated and read.output_bytes <= largest:
                found.append(read.raw_output)
        return found

    async def _check_answer(self) -> None:
        """End a kernel that a cell has stopped (SIGSTOP): it can't end itself."""
        cell = program("run_cell", self._home, "0", module="kernel_cell", flags=_QUICK)
        answer = await self.session.run(cell, stdin=b"", wall_s=_ANSWER_S)
        if answer.killed_by is not None and self._kernel is not None:
            await self._kernel.stop()

    async def _start(self) -> Started:
        self._home = new_home()
        said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def hear(chunk: bytes) -> None:
            if not said.done():
                said.set_result(chunk)

        kernel = await self.session.start(program("serve", self._home), on_output=hear)
        ended = asyncio.ensure_future(kernel.wait())
        either: set[asyncio.Future[Any]] = {said, ended}
        await asyncio.wait(either, timeout=_BOOT_S, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if said.done() and said.result().startswith(READY):
            return kernel
        words = (await kernel.stop()).output.strip()[-1000:]
        raise BackendMissing(f"No kernel could be started in the session: {words or 'it said nothing'}.")


@contextlib.asynccontextmanager
async def open_kernel(policy: Policy | None = None, *, backend: str = "auto") -> AsyncIterator[Kernel]:
    """Open a sandbox with a kernel in a session of it, for as long as the block lasts.

    Args:
        policy: what its cells may use; wall time and output count for each cell, memory, processes and disk
            for all that the kernel holds. Without one it is `session_policy()`.
        backend: `auto`, or the name of an installed backend.

    Raises:
        BackendMissing: no backend with sessions works on this machine, or the interpreter has no ipykernel;
            the message names the command that helps.
        PolicyUnmet: the policy is strict and a guarantee has no mechanism here.
        SandboxBroken: the sandbox itself stopped working.
        ValueError: there is no backend of that name, or the policy's interpreter can't be used.
    """
    given = (policy or session_policy()).model_copy(update={"kernel": True})
    async with open_sandbox(given, backend=backend) as sandbox:
        await require_kernel(sandbox, given)
        async with sandbox.session(fresh=True) as session:
            yield Kernel(session)
