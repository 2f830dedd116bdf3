"""A Jupyter kernel inside a sandbox, as its user knows it: cells in, Results out, whatever a cell does.

The clocks, the caps and the kill are the host's. What the inside says is shown, and decides nothing but how
an honest cell's Result looks.
"""

import asyncio
from contextlib import suppress

from sandbox.contract import OnOutput, Sandbox
from sandbox.errors import SandboxBroken, SandboxError
from sandbox.host.limits import resolve
from sandbox.kernel.cell_ending import Ending, describe
from sandbox.kernel.cell_output import Shown
from sandbox.kernel.kernel_messages import Done, Said, Sign
from sandbox.kernel.kernel_session import Session
from sandbox.kernel.missing_kernel import install_command
from sandbox.policy import Limits, Policy
from sandbox.result import Result

_GRACE_S, _PATIENCE_S = 0.25, 0.15
"""From the interrupt at a cell's limit until the kernel is killed, and from there until the caller has a
Result, whether or not anybody could say how the kernel ended."""
_LAST_WORD_S = 2.0
"""For that, while the cell has time left: on a busy machine the word comes later."""
MAX_SOURCE = 1 << 22
"""Characters of one cell; as UTF-8 they fit a frame."""
_BEGUN = Sign("begun")
_APART = ("bubblewrap",)
"""Backends that give each kernel a /tmp and processes of its own. Elsewhere a cell could reach the files of
another kernel, so that one is kept loaded only, and none starts before the last one has ended."""


class Kernel:
    """Runs cells one after the other; what one defines, the next one finds. Made by `open_kernel`.

    Threads and processes that a cell leaves behind go on in the same kernel, and end with it.
    """

    def __init__(
        self, sandbox: Sandbox, policy: Policy, *, spare: bool, without: frozenset[str] = frozenset()
    ) -> None:
        """`without`: mechanisms to leave off, of wall, kill and output; only tests do, to see an escape."""
        self.sandbox = sandbox
        """Its workspace is the one that cells find themselves in; files last over a restart."""
        self._policy, self._without = policy, without
        self._is_apart = sandbox.backend in _APART
        self._wants_spare = spare
        self._turn = asyncio.Lock()
        self._cells = 0
        self._session: Session | None = None
        self._coming: asyncio.Task[Session] | None = None
        """The next kernel: no cell has been near it."""
        self._ending: set[asyncio.Task[Result | None]] = set()
        self._loss_untold = False
        """State was lost, and no Result has said so yet: its cell was cancelled."""
        self._closed = False

    async def start(self) -> None:
        """Be ready for a cell; `execute` does it by itself where it is needed.

        Raises:
            BackendMissing: the sandbox's interpreter has no ipykernel.
            SandboxBroken: the kernel could not start, or was closed.
        """
        async with self._turn:
            await self._take()

    async def execute(
        self, cell: str, *, limits: Limits | None = None, on_output: OnOutput | None = None
    ) -> Result:
        """Run one cell to its end or to a limit. Others wait for their turn, and their clocks don't run.

        At its wall time a cell is interrupted, and where that doesn't end it in a quarter of a second, the
        kernel is killed and the next cell gets a new one: `state_lost` says so. A cell that is cancelled
        costs its kernel, too.

        Args:
            cell: what a cell of a notebook holds; the value of its last expression is shown.
            limits: wall time and output of this cell, where they are less or more than the policy's.
            on_output: called with each piece of text as it comes.

        Returns:
            Its stdout ends with the text of what the cell shows; pictures, tables and the like are artifacts
            (`cell-3-1.png`). An exception is status `error` with exit code 1.

        Raises:
            SandboxBroken: the sandbox itself stopped working, or the kernel was closed.
            ValueError: limits that are the kernel's as a whole: memory, processes, CPU time; a cell of more
                than four million characters.
        """
        if limits is not None and (limits.memory_mb or limits.processes or limits.cpu_s):
            raise ValueError(
                "A cell has no memory, processes or CPU time of its own: set them in the kernel's policy."
            )
        if len(cell) > MAX_SOURCE:
            raise ValueError(f"A cell of {len(cell):,} characters is too long; {MAX_SOURCE:,} is the limit.")
        allowed = resolve(self._policy, limits)
        async with self._turn:
            self._cells += 1
            shown = Shown(self._cells, allowed.output_bytes, on_output)
            for first in (True, False):
                session = await self._take()
                began = asyncio.get_running_loop().time()
                begun, ending = await self._attend(session, cell, shown, allowed.wall_s)
                if begun or ending.late or ending.flood or not first:
                    break
            wall_s = asyncio.get_running_loop().time() - began
            lost_before, self._loss_untold = self._loss_untold or not first, False
            return describe(ending, shown, wall_s=wall_s, lost_before=lost_before)

    async def interrupt(self) -> None:
        """End the cell that runs, as Ctrl-C does. A cell can ignore it."""
        if self._session is not None and self._turn.locked():
            with suppress(SandboxBroken):  # it is gone, and so is the cell
                await self._session.interrupt()

    async def restart(self) -> None:
        """End the kernel with all that its cells have defined or left running, and have a new one.

        Raises:
            SandboxBroken: there is no new one, or the kernel was closed.
        """
        if self._session is not None:
            self._retire(self._session)
        await self.start()
        self._loss_untold = False

    async def close(self) -> None:
        """End every process of it. Idempotent; the sandbox stays open."""
        self._closed = True
        if self._session is not None:
            self._retire(self._session)
        if self._coming is not None:
            coming, self._coming = self._coming, None
            coming.cancel()
            await asyncio.wait([coming])
            if not coming.cancelled() and coming.exception() is None:
                self._retire(coming.result())
        if self._ending:
            await asyncio.wait(self._ending)

    async def _attend(self, session: Session, cell: str, shown: Shown, wall_s: float) -> tuple[bool, Ending]:
        """Have one cell run, and see to its end; whether it began at all."""
        begun = False

        def hear(said: Said | None, size: int) -> bool:
            nonlocal begun
            shown.hear(size)
            begun = begun or said == _BEGUN
            if said is not None:
                shown.take(said)
            return not self._floods(shown)

        loop = asyncio.get_running_loop()
        ends = loop.time() + wall_s
        reader = asyncio.ensure_future(session.run(self._cells, cell, hear))
        try:
            limit = None if "wall" in self._without else wall_s
            late = not (await asyncio.wait([reader], timeout=limit))[0]
            if late:
                await _interrupt(session, reader, None if "kill" in self._without else _GRACE_S)
            done = reader.result() if reader.done() else None
        except BaseException:
            self._retire(session)
            self._loss_untold = True
            raise
        finally:
            reader.cancel()
        kernel = None
        if done is None or done.leaves:
            left = min(ends - loop.time(), _LAST_WORD_S)
            kernel = await self._see_it_end(session, patience_s=max(left, _PATIENCE_S))
        return begun, Ending(done, late=late, flood=self._floods(shown), kernel=kernel)

    def _floods(self, shown: Shown) -> bool:
        return shown.is_flood and "output" not in self._without

    async def _see_it_end(self, session: Session, *, patience_s: float) -> Result | None:
        await asyncio.wait([ending := self._retire(session)], timeout=patience_s)
        return ending.result() if ending.done() else None

    def _retire(self, session: Session) -> "asyncio.Task[Result | None]":
        """Nobody gets a cell into this one any more."""
        if self._session is session:
            self._session = None
        ending = session.begin_to_end()
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        return ending

    async def _take(self) -> Session:
        """The kernel that is up, else the spare one, else a new one."""
        for _ in range(2):
            if self._session is None:
                self._session = await self._next()
                if not await self._session.is_alive():
                    self._retire(self._session)
                    continue
            if self._wants_spare and self._coming is None:
                self._coming = self._boot(spare=True)
            return self._session
        raise SandboxBroken("Two kernels ended before they were given a cell.")

    async def _next(self) -> Session:
        while True:
            if self._closed:
                raise SandboxBroken("The kernel is closed.")
            is_new = self._coming is None
            coming = self._coming = self._coming or self._boot()
            try:
                session = await asyncio.shield(coming)
                if session.waits:
                    await self._start_loaded(session)
                return session
            except asyncio.CancelledError:
                if coming.cancelled() and self._closed:  # not the caller: it is told by the loop
                    continue
                raise
            except SandboxError:
                if is_new:
                    raise
            finally:
                if coming.done():
                    self._coming = None

    def _boot(self, *, spare: bool = False) -> "asyncio.Task[Session]":
        return asyncio.ensure_future(self._start_one(waits=spare and not self._is_apart))

    async def _start_one(self, *, waits: bool) -> Session:
        if not self._is_apart and not waits and self._ending:
            await asyncio.wait(self._ending)
        install = install_command(self.sandbox.backend, self._policy.python)
        return await Session.boot(self.sandbox, self._policy.processes, install=install, waits=waits)

    async def _start_loaded(self, session: Session) -> None:
        try:
            if self._ending:
                await asyncio.wait(self._ending)
            await session.start()
        except BaseException:
            self._retire(session)
            raise


async def _interrupt(session: Session, reader: "asyncio.Task[Done | None]", grace_s: float | None) -> None:
    with suppress(SandboxBroken, TimeoutError):
        async with asyncio.timeout(grace_s):
            await session.interrupt()
            await asyncio.wait([reader])
