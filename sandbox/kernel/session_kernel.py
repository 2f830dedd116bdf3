"""A kernel that lives in a session: it is a program of its background, and each cell a command."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from sandbox.contract import Session, Started
from sandbox.errors import BackendMissing
from sandbox.inner.kernel.kernel_frames import READY
from sandbox.program import Command
from sandbox.result import CommandResult
from sandbox.supervisor.shipped import INNER_INSIDE

_CODE = (
    f"import sys; sys.path[0] = {str(PurePosixPath(INNER_INSIDE).parents[1])!r}\n"
    "from sandbox.inner.kernel import kernel_service\n"
    "sys.exit(kernel_service.{}())"
)
_SERVE, _CELL = _CODE.format("serve"), _CODE.format("run_cell")
_BOOT_S = 60.0
_READ_S = 5.0
"""Longest wait for a picture: what a cell leaves under its name may be a pipe that gives none."""
_FIRST = "ls -1 /tmp/out/cell-$CELL-[1-9].png 2> /dev/null"


@dataclass(frozen=True, slots=True)
class CellEnd:
    """How a cell ended, as a command of the session, and what else is known of it."""

    number: int
    result: CommandResult
    lost: bool
    """The kernel has ended, within this cell or before it, and with it what earlier cells had defined."""


class SessionKernel:
    """Runs cells one after the other; what one defines, the next one finds."""

    def __init__(self, session: Session) -> None:
        """Start nothing yet."""
        self._session = session
        self._turn = asyncio.Lock()
        self._kernel: Started | None = None
        self._home, self._cells = "", 0

    async def execute(
        self, source: str, *, wall_s: float, on_output: Callable[[bytes], None] = lambda chunk: None
    ) -> CellEnd:
        """Run a cell; at its wall time it is interrupted, and a kernel that doesn't obey ends soon after.

        What it prints and shows as text is the command's output, with a line for each picture.

        Raises:
            BackendMissing: there is no ipykernel, or it doesn't start.
            SandboxBroken: the sandbox itself stopped working.
        """
        async with self._turn:
            lost = self._kernel is not None and not self._kernel.running
            if self._kernel is None or lost:
                self._kernel = await self._start()
            self._cells += 1
            cell = Command(argv=("python", "-c", _CELL, self._home, str(self._cells)))
            content = source.encode("utf-8", "replace")
            result = await self._session.run(cell, stdin=content, wall_s=wall_s, on_output=on_output)
            if not self._kernel.running:
                self._kernel, lost = None, True
            return CellEnd(self._cells, result, lost)

    async def pictures(self, cell: int, *, most: int, largest: int) -> list[bytes]:
        """The first PNG pictures that a cell has shown, as its code made them, but for those of more bytes.

        Args:
            cell: its number.
            most: up to nine.
            largest: bytes of one.
        """
        listed = await self._session.sh(_FIRST, environment={"CELL": str(cell)})
        found: list[bytes] = []
        for path in listed.output.splitlines()[:most]:
            head = Command(argv=("head", "-c", str(largest + 1), "--", path))
            read = await self._session.run(head, wall_s=_READ_S)
            if read.ok and not read.truncated and read.output_bytes <= largest:
                found.append(read.raw_output)
        return found

    async def _start(self) -> Started:
        self._home = f"/tmp/.kernel-{secrets.token_hex(8)}"
        said: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        def hear(chunk: bytes) -> None:
            if not said.done():
                said.set_result(chunk)

        kernel = await self._session.start(Command(argv=("python", "-c", _SERVE, self._home)), on_output=hear)
        ended = asyncio.ensure_future(kernel.wait())
        either: set[asyncio.Future[Any]] = {said, ended}
        await asyncio.wait(either, timeout=_BOOT_S, return_when=asyncio.FIRST_COMPLETED)
        ended.cancel()
        if said.done() and said.result().startswith(READY):
            return kernel
        words = (await kernel.stop()).output.strip()[-1000:]
        raise BackendMissing(f"No kernel could be started in the session: {words or 'it said nothing'}.")
