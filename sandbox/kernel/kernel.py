"""Run cells in a kernel in a session: the kernel is a background program, each cell a command."""

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
from sandbox.interpreter.interpreter import can_use_our_packages, describe
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
_CHECK = _CODE.format("kernel_process", "not programs.can_load()")
_BOOT_S = 60.0
_QUICK = ("-I", "-S")
"""Python flags of a cell's command, which imports no packages."""
_ANSWER_S = 3.0
"""Longest wait for a kernel in seconds, once an interrupted cell has had its time to end."""
_LIST_PICTURES = "ls -1 /tmp/out/cell-$CELL-[1-9].png 2> /dev/null"


def make_command(
    name: str, *arguments: str, module: str = "kernel_service", flags: tuple[str, ...] = ()
) -> Command:
    """Return the command of a program of `sandbox.inner.kernel`; `flags` are Python's."""
    code = _CODE.format(module, f"programs.{name}()")
    return Command(argv=("python", *flags, "-c", code, *arguments))


def new_home() -> str:
    """Return a path in the sandbox for the folder of a new kernel."""
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

    Rich outputs become files of the workspace: `cell-3-1.png` is the first one of the third cell. Arguments
    and errors are those of `Sandbox.run`.
    """
    command = make_command("run_cells", new_home())
    command = command.model_copy(update={"environment": {"XDG_CACHE_HOME": "/tmp/.cache"}})
    content = json.dumps(list(cells)).encode()
    return await sandbox.run(command, stdin=content, on_output=on_output, fresh=fresh, files=files)


async def require_kernel(sandbox: Sandbox, policy: Policy) -> None:
    """Check that the sandbox's interpreter has a kernel.

    Raises:
        BackendMissing: it has none; the message names the command that helps.
        SandboxBroken: the sandbox itself stopped working.
    """
    if (await sandbox.run(Command(argv=("python", "-c", _CHECK)))).ok:
        return
    if sandbox.backend not in ("bubblewrap", "docker"):
        raise BackendMissing(
            f"The sandbox backend {sandbox.backend!r} has no kernels. Open it with bubblewrap."
        )
    fix = install_command(sandbox.backend, policy.python)
    raise BackendMissing(f"The interpreter of the sandbox has no ipykernel. Install it with: {fix}", fix=fix)


def install_command(backend: str, python: Path | None) -> str:
    """Return the command that installs a kernel for programs of a backend.

    It names our own Python if programs can use its packages: their own may be Debian's, which refuses pip.

    Args:
        backend: runs the programs.
        python: the interpreter that the policy names; None for the usual one.
    """
    if backend == "docker":
        return f"{own_command()} sandbox build"
    interpreter = describe(python)
    executable = sys.executable if can_use_our_packages(interpreter) else interpreter.path
    return f"{executable} -m pip install ipykernel jupyter_client"


@dataclass(frozen=True, slots=True)
class Cell:
    """Result of a cell."""

    number: int
    result: CommandResult
    """The output is all text that the cell printed or displayed."""
    state_lost: bool
    """The kernel ended, during this cell or before it; definitions of earlier cells are lost."""


class Kernel:
    """Runs cells one after the other; they share definitions."""

    def __init__(self, session: Session, *, grace_s: float = 5.0) -> None:
        """Initialize without starting the kernel; the first cell starts it."""
        self.session = session
        """Session whose workspace is the cells' working directory."""
        self.grace_s = grace_s
        """Seconds that an interrupted cell has to end; a kernel keeps those of its start."""
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

        A cell is interrupted at its wall limit or when the caller is cancelled. If it then runs for
        `grace_s` more, the kernel is ended; the next cell starts a new one.

        Args:
            source: source of a notebook cell; the value of its last expression is shown.
            wall_s: the policy's by default.
            on_output: called with each piece of output.

        Raises:
            BackendMissing: there is no ipykernel, or it doesn't start.
            SandboxBroken: the sandbox itself stopped working.
        """
        async with self._turn:
            if self._is_late:
                await self._check_answer()
            state_lost = self._kernel is not None and not self._kernel.running
            if self._kernel is None or state_lost:
                self._kernel = await self._start()
            self._cells += 1
            cell = make_command("run_cell", self._home, str(self._cells), module="kernel_cell", flags=_QUICK)
            content = source.encode("utf-8", "replace")
            result = await self.session.run(cell, stdin=content, wall_s=wall_s, on_output=on_output)
            self._is_late = result.killed_by is not None
            if not self._kernel.running:
                self._kernel, state_lost = None, True
            return Cell(self._cells, result, state_lost)

    async def restart(self) -> None:
        """End the kernel; the next cell starts another one."""
        async with self._turn:
            if self._kernel is not None:
                await self._kernel.stop()
                self._kernel = None

    async def read_pictures(
        self, cell: int, *, max_count: int, max_bytes: int, wall_s: float = 5.0
    ) -> list[bytes]:
        """Read the first PNG pictures that a cell showed. Their content is not verified.

        Args:
            cell: its number.
            max_count: at most nine.
            max_bytes: of one picture; larger ones are skipped.
            wall_s: seconds for one picture, as a cell may replace the file by a pipe.
        """
        listing = await self.session.sh(_LIST_PICTURES, environment={"CELL": str(cell)})
        pictures: list[bytes] = []
        for path in listing.output.splitlines()[:max_count]:
            head = Command(argv=("head", "-c", str(max_bytes + 1), "--", path))
            result = await self.session.run(head, wall_s=wall_s)
            if result.ok and not result.truncated and result.output_bytes <= max_bytes:
                pictures.append(result.raw_output)
        return pictures

    async def _check_answer(self) -> None:
        """End a kernel that a cell stopped with SIGSTOP, as it can't end itself."""
        cell = make_command("run_cell", self._home, "0", module="kernel_cell", flags=_QUICK)
        answer = await self.session.run(cell, stdin=b"", wall_s=self.grace_s + _ANSWER_S)
        if answer.killed_by is not None and self._kernel is not None:
            await self._kernel.stop()

    async def _start(self) -> Started:
        self._home = new_home()
        first_output: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def note_output(chunk: bytes) -> None:
            if not first_output.done():
                first_output.set_result(chunk)

        kernel = await self.session.start(
            make_command("serve", self._home, str(self.grace_s)), on_output=note_output
        )
        end = asyncio.ensure_future(kernel.wait())
        events: set[asyncio.Future[Any]] = {first_output, end}
        await asyncio.wait(events, timeout=_BOOT_S, return_when=asyncio.FIRST_COMPLETED)
        end.cancel()
        if first_output.done() and first_output.result().startswith(READY):
            return kernel
        message = (await kernel.stop()).output.strip()[-1000:]
        raise BackendMissing(
            f"No kernel could be started in the session: {message or 'it first_output nothing'}."
        )


@contextlib.asynccontextmanager
async def open_kernel(policy: Policy | None = None, *, backend: str = "auto") -> AsyncIterator[Kernel]:
    """Open a sandbox, and a kernel in a session of it, for the duration of a `with` block.

    Args:
        policy: what its cells may use, by default `session_policy()`. Limits of wall time and output are for
            each cell; those of memory, processes and disk for all cells together.
        backend: `auto`, or the name of an installed backend.

    Raises:
        BackendMissing: no backend with sessions works on this machine, or the interpreter has no ipykernel;
            the message names the command that helps.
        PolicyUnmet: the policy is strict and a guarantee has no mechanism here.
        SandboxBroken: the sandbox itself stopped working.
        ValueError: there is no backend of that name, or the policy's interpreter can't be used.
    """
    kernel_policy = (policy or session_policy()).model_copy(update={"kernel": True})
    async with open_sandbox(kernel_policy, backend=backend) as sandbox:
        await require_kernel(sandbox, kernel_policy)
        async with sandbox.session(fresh=True) as session:
            yield Kernel(session)
