"""One run on a lent child: its pipes, its deadlines, and its Result."""

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from sandbox.contract import OnOutput
from sandbox.errors import SandboxBroken
from sandbox.host.child import Child
from sandbox.host.disk_watch import DiskBounds, DiskWatch
from sandbox.host.limits import Ending, RunLimits, TimedRun
from sandbox.host.output import Output, Stream
from sandbox.inner.process.wire import program_pipe
from sandbox.result import Result

_CHUNK = 1 << 16
_GRACE_S, _EXIT_WAIT_S = 0.15, 0.4
"""Seconds from a limit until the reaper is killed, and seconds to wait for an overdue child's end."""
_SAMPLE_S = 0.02


class Inflow:
    """Feeds a pipe, whose other end `inside` the caller closes, or a socket `into`, shut down at the end."""

    def __init__(self, source: bytes | int, *, into: socket.socket | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        self._into = into
        self.inside, self._pipe = (-1, os.dup(into.fileno())) if into else program_pipe()
        os.set_blocking(self._pipe, False)
        self._source = source if isinstance(source, int) else None
        self._watched = False
        self._rest = memoryview(b"" if isinstance(source, int) else source)
        self._go_on()

    def close(self) -> None:
        """Close the pipe: the program reads EOF. Idempotent."""
        if self._pipe >= 0:
            self._unwatch()
            self._loop.remove_writer(self._pipe)
            os.close(self._pipe)
            self._pipe = -1
            if self._into is not None:
                with suppress(OSError):  # already closed
                    self._into.shutdown(socket.SHUT_WR)

    def _go_on(self) -> None:
        if self._rest:
            self._loop.add_writer(self._pipe, self._write)
        elif self._source is None:
            self.close()
        else:
            self._watch(self._source)

    def _watch(self, source: int) -> None:
        try:
            self._loop.add_reader(source, self._read, source)
            self._watched = True
        except PermissionError:  # plain files can't be watched: they are always ready
            self._read(source)

    def _unwatch(self) -> None:
        if self._watched and self._source is not None:
            self._loop.remove_reader(self._source)
            self._watched = False

    def _read(self, source: int) -> None:
        try:
            piece = os.read(source, _CHUNK)
        except BlockingIOError:  # another process has read it
            return
        except OSError:  # a closed terminal or peer
            piece = b""
        if not piece:
            self.close()
            return
        self._unwatch()
        self._rest = memoryview(piece)
        self._go_on()

    def _write(self) -> None:
        try:
            self._rest = self._rest[os.write(self._pipe, self._rest[:_CHUNK]) :]
        except BlockingIOError:
            return
        except (BrokenPipeError, ConnectionResetError):
            self.close()
            return
        if not self._rest:
            self._loop.remove_writer(self._pipe)
            self._go_on()


class Execution(TimedRun):
    """A run in progress: a lent child with its pipes and clocks."""

    def __init__(
        self,
        child: Child,
        limits: RunLimits,
        *,
        on_output: OnOutput | None,
        without: frozenset[str],
        bounds: DiskBounds | None,
        give_back: Callable[[Child], None],
    ) -> None:
        """`bounds`: disk bounds to sample meanwhile; `give_back` returns the child, once."""
        super().__init__(child.ended, limits, on_output=on_output, without=without)
        self.child, self._bounds, self._give_back = child, bounds, give_back
        self._watch: DiskWatch | None = None
        self._closed = False
        self._readers: dict[int, Stream] = {}
        self._inflow: Inflow | None = None

    async def begin(
        self, job: Mapping[str, object], *, stdin: bytes | int = b"", extra: Sequence[int] = ()
    ) -> None:
        """Send the child its job and pipes. `extra` descriptors come last; closes all of them here.

        Raises SandboxBroken if this process has too few descriptors, or may not send them.
        """
        inside: list[int] = []
        try:
            self._open_pipes(inside, stdin)
            self.child.ended.add_done_callback(self._finish)
            self._start_clock()
            if self.child.group is None and "memory" not in self._without:
                self._sample()
            await self.child.assign({**job, "stdin": self._inflow is not None}, [*inside, *extra])
        finally:
            for descriptor in (*inside, *extra):
                os.close(descriptor)
        if self._bounds is not None and self.child.reaper is not None:
            self._watch = DiskWatch(self._bounds, self.child.reaper, lambda: self.end("disk"))

    async def result(self) -> Result:
        """Wait for the end of the run."""
        ending: Ending | None = await self._over
        wall_s = self._loop.time() - self._began
        if ending is None and self._killed_by is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.child.gone.wait(), _EXIT_WAIT_S)
        self._drain()
        return self._describe(
            None if ending is None else os.waitstatus_to_exitcode(ending.wait_status),
            wall_s,
            cpu_s=ending.cpu_s if ending else 0.0,
            max_rss_mb=ending.max_rss_mb if ending else 0.0,
            memory_kills=self.child.memory_kills(),
        )

    def take_output(self) -> Output:
        """Return the output so far, and start a new one. Nothing may write meanwhile."""
        self._drain()
        output, self._output = self._output, Output(self._limits.output_bytes)
        return output

    def close(self) -> None:
        """End what remains of the run, and return its child. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._watch is not None:
            self._watch.close()
        for timer in self._timers:
            timer.cancel()
        for descriptor in list(self._readers):
            self._close_reader(descriptor)
        if self._inflow is not None:
            self._inflow.close()
        if not self.child.ended.done():
            self.child.kill(outright=True)
        self._give_back(self.child)

    async def abandon(self) -> None:
        """End the run, and wait until all its processes are dead."""
        self.close()
        await self.child.gone.wait()

    def _kill(self) -> None:
        self.child.kill(outright=False)
        self._timers.append(self._loop.call_later(_GRACE_S, lambda: self.child.kill(outright=True)))

    def _sample(self) -> None:
        from sandbox.host.memory_watch import holds_more

        if self.child.ended.done():
            return
        limit, sockets = self._limits.memory_mb << 20, "net" not in self._without
        if self.child.reaper and holds_more(self.child.reaper, limit, sockets=sockets):
            self.end("memory")
        self._timers.append(self._loop.call_later(_SAMPLE_S, self._sample))
        if len(self._timers) > 16:
            self._timers = [timer for timer in self._timers if timer.when() > self._loop.time()]

    def _open_pipes(self, inside: list[int], stdin: bytes | int) -> None:
        """Append the program's ends of its pipes to `inside`."""
        try:
            inside.append(self._reader("stdout"))
            inside.append(self._reader("stderr"))
            if stdin != b"":
                self._inflow = Inflow(stdin)
                inside.append(self._inflow.inside)
        except OSError as error:
            raise SandboxBroken(f"A run could not be given its pipes: {error}") from error

    def _reader(self, stream: Stream) -> int:
        own_end, inside = program_pipe()
        os.set_blocking(own_end, False)
        self._readers[own_end] = stream
        self._loop.add_reader(own_end, self._read, own_end)
        return inside

    def _read(self, descriptor: int) -> int:
        try:
            chunk = os.read(descriptor, _CHUNK)
        except BlockingIOError:
            return 0
        if not chunk:
            self._close_reader(descriptor)
            return 0
        self._keep(self._readers[descriptor], chunk)
        return len(chunk)

    def _drain(self) -> None:
        """Read the rest of the pipes, at most their capacity."""
        for descriptor in list(self._readers):
            room = fcntl.fcntl(descriptor, fcntl.F_GETPIPE_SZ)
            while room > 0 and descriptor in self._readers:
                size = self._read(descriptor)
                if size == 0:
                    break
                room -= size

    def _close_reader(self, descriptor: int) -> None:
        self._loop.remove_reader(descriptor)
        del self._readers[descriptor]
        os.close(descriptor)

    def _finish(self, ended: "asyncio.Future[Ending | None]") -> None:
        if not self._over.done():
            self._over.set_result(ended.result())
