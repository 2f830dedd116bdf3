"""One kernel from its start to its end, as the host knows it."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

from sandbox.contract import Running, Sandbox
from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.inner.kernel.kernel_frames import EXECUTE, INTERRUPT, NUMBER, PING, START
from sandbox.kernel.kernel_messages import BadFrame, Done, Said, Sign, read_frame
from sandbox.policy import Limits
from sandbox.result import Result

_BOOT_S = 60.0
_PING_S = 10.0
_START_S = 10.0
"""For what is loaded; cells of the kernel before it may have stopped it."""
_OWN_PROCESSES = 32
"""Threads of the kernel and of its client, beside what the policy gives to cells."""
_AT_ONCE = 16
"""Frames that may be taken in one go: whoever floods would keep the clocks from being looked at."""
_LONGEST_S = 86_400.0
_LOADED, _READY, _MISSING = Sign("loaded"), Sign("ready"), Sign("missing")


class Session:
    """A kernel that is up, and whatever it has been told."""

    def __init__(self, running: Running) -> None:
        self._running = running
        self.waits = False
        """It is loaded, and `start` makes a kernel of it."""
        self._sending = asyncio.Lock()
        self._ending: asyncio.Task[Result | None] | None = None

    @classmethod
    async def boot(cls, sandbox: Sandbox, processes: int, *, install: str, waits: bool = False) -> "Session":
        """Start a kernel and wait until it can take a cell.

        Args:
            sandbox: where.
            processes: how many the cells may have.
            install: the command that helps where there is no ipykernel.
            waits: only load it, so that no cell of another one can have been near it.

        Raises:
            BackendMissing: the sandbox's interpreter has no ipykernel.
            SandboxBroken: the kernel didn't start; the message holds its last words.
        """
        limits = Limits(
            wall_s=_LONGEST_S, cpu_s=_LONGEST_S, processes=min(processes + _OWN_PROCESSES, 1 << 16)
        )
        home = f"/tmp/.kernel-{secrets.token_hex(8)}"
        session = cls(
            await sandbox.start("kernel.kernel_entry", {"home": home, "waits": waits}, limits=limits)
        )
        await session._hear_first(_LOADED if waits else _READY, _BOOT_S, install)
        session.waits = waits
        return session

    async def start(self) -> None:
        """Make a kernel of what is loaded.

        Raises:
            SandboxBroken: it didn't start; the message holds its last words.
        """
        with suppress(SandboxBroken):  # it is gone: what follows says how
            await self._send(START)
        await self._hear_first(_READY, _START_S, install="")
        self.waits = False

    async def _hear_first(self, wanted: Sign, seconds: float, install: str) -> None:
        """Wait until it says that it has come so far; where it doesn't, it is ended."""
        try:
            async with asyncio.timeout(seconds):
                said = await self._receive()
        except TimeoutError:
            said = None
        except BaseException:
            await self.end()
            raise
        if said is not None and said[1] == wanted:
            return
        result = await self.end()
        if result is None:
            raise SandboxBroken("The sandbox stopped working while a kernel started in it.")
        if said is not None and said[1] == _MISSING:
            raise BackendMissing(
                f"The interpreter of the sandbox has no ipykernel. Install it with: {install}"
            )
        if result.status == "oom":
            raise SandboxBroken(
                "The kernel ran out of memory before its first cell. Give it more: "
                "--memory, or memory_mb of the policy."
            )
        raise SandboxBroken(f"The kernel could not start ({result.status}): {result.stderr[-1000:].strip()}")

    async def is_alive(self) -> bool:
        """Ask it."""
        try:
            async with asyncio.timeout(_PING_S):
                await self._send(PING)
                while (said := await self._receive()) is not None:
                    if said[1] == _READY:
                        return True
                    await asyncio.sleep(0)
        except (SandboxBroken, TimeoutError):
            return False
        return False

    async def run(self, cell: int, source: str, hear: Callable[[Said | None, int], bool]) -> Done | None:
        """Run one cell, give `hear` all that it says, and its end; None where it fell silent for ever.

        `hear` gets what a frame of this cell says, None for any other, and the frame's size; it says whether
        to go on.
        """
        try:
            await self._send(EXECUTE + NUMBER.pack(cell) + source.encode("utf-8", "surrogatepass"))
        except SandboxBroken:
            return None
        taken = 0
        while (frame := await self._running.receive()) is not None:
            try:
                about, said = read_frame(frame)
            except BadFrame:
                return None
            if about == cell and isinstance(said, Done):
                return said
            if not hear(said if about == cell else None, len(frame)):
                return None
            taken += 1
            if taken % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return None

    async def interrupt(self) -> None:
        """As Ctrl-C does. A client that is stopped or gone hears nothing of it."""
        await self._send(INTERRUPT)

    def begin_to_end(self) -> "asyncio.Task[Result | None]":
        """Kill what is left of it; the task says how it ended, None where nobody can."""
        if self._ending is None:
            self._ending = asyncio.ensure_future(self._finish())
        return self._ending

    async def end(self) -> Result | None:
        """Kill what is left of it and say how it ended, whoever is cancelled meanwhile."""
        return await asyncio.shield(self.begin_to_end())

    async def _finish(self) -> Result | None:
        try:
            return await self._running.finish()
        except SandboxBroken:  # the sandbox is gone, and the kernel with it: the next one to be started tells
            return None

    async def _send(self, frame: bytes) -> None:
        """One frame after the other: a long one goes out in pieces."""
        async with self._sending:
            await self._running.send(frame)

    async def _receive(self) -> tuple[int, Said] | None:
        frame = await self._running.receive()
        try:
            return None if frame is None else read_frame(frame)
        except BadFrame:
            return None
