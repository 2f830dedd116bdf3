"""Handles of a sandbox's keeper, the process that starts everything else, and of the server that forks it."""

import asyncio
import atexit
import errno
import marshal
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import IO

from sandbox.inner.process.wire import receive_with_fds, send_with_fds
from sandbox.interpreter.interpreter import library_variables
from sandbox.supervisor.outer_wall import Specification
from sandbox.supervisor.owner import this_process

_SEND_S, _START_S, _END_S, _LEAVE_S = 5.0, 30.0, 10.0, 2.0
_TAIL_BYTES = 4096
_ENDED = "the server of keepers has ended"
_SOURCE = """\
import sys
sandbox = sys.modules["sandbox"] = type(sys)("sandbox")
sandbox.__path__ = [{0!r}]
from sandbox.supervisor.keeper_server import main
main()
"""


class KeeperServer:
    """A running keeper server; it ends once it is closed, or this process has ended."""

    def __init__(self, prefix: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """`prefix`: command that starts the server in a scope; it then becomes the first keeper itself."""
        self.user, self._said = os.getuid(), ""
        source = _SOURCE.format(str(Path(__file__).parents[1]))
        with ExitStack() as stack:
            self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            stack.callback(self._requests.close)
            self._requests.settimeout(_SEND_S)
            with theirs:
                theirs.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
                self._stderr = stack.enter_context(os.fdopen(os.memfd_create("stderr"), "rb", buffering=0))
                words = ["-I", "-S", "-c", source, str(theirs.fileno()), *(["scoped"] if prefix else [])]
                self._process = subprocess.Popen(
                    [*prefix, sys.executable, *words, this_process().mark],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._stderr,
                    pass_fds=(theirs.fileno(),),
                    env=library_variables() | dict(environment or {}),
                    cwd="/",
                )
            stack.pop_all()

    def send(self, request: bytes, descriptors: list[int]) -> None:
        """Request a keeper. Raises OSError; BrokenPipeError if the server has ended or is silent for long."""
        try:
            send_with_fds(self._requests, request, descriptors)
        except (BrokenPipeError, ConnectionResetError, TimeoutError) as error:
            raise BrokenPipeError(self.read_stderr() or _ENDED) from error

    def read_stderr(self) -> str:
        """Return the end of its standard error, also once it is closed."""
        if not self._stderr.closed:
            number = self._stderr.fileno()
            start = max(0, os.fstat(number).st_size - _TAIL_BYTES)
            self._said = os.pread(number, _TAIL_BYTES, start).decode("utf-8", "replace").strip()
        return self._said

    def kill(self) -> None:
        """Kill a server that doesn't answer; its keepers live on."""
        with suppress(PermissionError):  # its owner isn't its user any more
            self._process.kill()

    def close(self) -> None:
        """End the server, but none of its keepers; kill it if it doesn't end."""
        self.read_stderr()
        self._requests.close()
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:  # it is stopped, or has not come as far as to look
            self.kill()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LEAVE_S)
        self._stderr.close()

    def forget(self) -> None:
        """Close the descriptors that a fork of the owner has inherited."""
        self._requests.close()
        self._stderr.close()
        self._process.returncode = 0  # it isn't a child of this process


class _Shared:
    """The server of this process, started with its first sandbox."""

    def __init__(self) -> None:
        self._server: KeeperServer | None = None
        self._lock = Lock()
        atexit.register(self.close)
        # No fork comes while a server starts, of which the child would keep both ends of the socket.
        os.register_at_fork(
            before=lambda: self._lock.acquire(),
            after_in_parent=lambda: self._lock.release(),
            after_in_child=self._forget,
        )

    def send(self, request: bytes, descriptors: list[int]) -> KeeperServer:
        """Send a request, to a new server if none serves this user. Raises OSError."""
        with self._lock:
            if self._server is not None and self._server.user == os.getuid():
                try:
                    self._server.send(request, descriptors)
                except BrokenPipeError:  # it was killed
                    pass
                else:
                    return self._server
            self._end()
            self._server = KeeperServer()
            self._server.send(request, descriptors)
            return self._server

    def close(self) -> None:
        """End the server."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def _forget(self) -> None:
        self._lock = Lock()
        if self._server is not None:
            self._server.forget()
        self._server = None


_shared = _Shared()


class Keeper:
    """A running keeper; it ends when the owner closes its lifeline."""

    pid = -1
    """Process id, once it has started."""

    def __init__(
        self, specification: Specification, *, prefix: Sequence[str] = (), environment: Mapping[str, str]
    ) -> None:
        """Have a server fork the keeper. `prefix`: command that puts it into a scope. Raises OSError."""
        self._loop = asyncio.get_running_loop()
        self._held = -1
        self._stderr_tail = b""
        self._own_server: KeeperServer | None = None
        own = specification.descriptors
        request = marshal.dumps(
            {
                "keeper": specification.keeper,
                "descriptors": 3 + len(own),
                "environment": dict(environment),
            }
        )
        with ExitStack() as after_sending, ExitStack() as on_failure:
            for descriptor in (specification.job, *own):
                after_sending.callback(os.close, descriptor)
            self._answer, theirs = socket.socketpair()
            on_failure.callback(self._answer.close)
            after_sending.callback(theirs.close)
            reading, writing = os.pipe2(os.O_CLOEXEC)
            os.set_blocking(reading, False)
            self._stderr: IO[bytes] = on_failure.enter_context(os.fdopen(reading, "rb", buffering=0))
            after_sending.callback(os.close, writing)
            descriptors = [theirs.fileno(), writing, specification.job, *own]
            if prefix:
                self._own_server = self._server = KeeperServer(prefix, environment)
                on_failure.callback(self._own_server.close)
                self._server.send(request, descriptors)
            else:
                self._server = _shared.send(request, descriptors)
            on_failure.pop_all()
        self._loop.add_reader(self._stderr, self._read_more)

    async def started(self) -> None:
        """Wait until it runs. Raises OSError if it could not be started."""
        arrived = asyncio.Event()
        self._loop.add_reader(self._answer, arrived.set)
        try:
            async with asyncio.timeout(_START_S):
                await arrived.wait()
        except TimeoutError as error:
            self._server.kill()  # the next opening starts another one
            raise OSError(f"no keeper within {_START_S:.0f} s") from error
        finally:
            self._loop.remove_reader(self._answer)
        self._take_answer()
        if self._held < 0:
            raise OSError(self.read_stderr() or _ENDED)

    def read_stderr(self) -> str:
        """Return the end of its standard error, which the processes it started share."""
        with suppress(BlockingIOError):
            while chunk := os.read(self._stderr.fileno(), _TAIL_BYTES):
                self._stderr_tail = (self._stderr_tail + chunk)[-_TAIL_BYTES:]
        errors = self._stderr_tail.decode("utf-8", "replace").strip()
        return errors or ("" if self.pid > 0 else self._server.read_stderr())

    async def wait(self) -> None:
        """Wait until it ends; kill it if that takes too long."""
        self._loop.remove_reader(self._stderr)
        self._stderr.close()
        await asyncio.shield(asyncio.to_thread(self._wait))

    def _take_answer(self) -> None:
        message, descriptors = receive_with_fds(self._answer, _TAIL_BYTES, 1)
        if message and not descriptors:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))  # the kernel has dropped it
        if message:
            self.pid, self._held = int(message), descriptors[0]

    def _wait(self) -> None:
        if self._held < 0:  # its start was given up
            self._answer.settimeout(_END_S)
            with suppress(OSError):
                self._take_answer()
        self._answer.close()
        if self._held >= 0:
            ended = select.poll()
            ended.register(self._held, select.POLLIN)
            if not ended.poll(1000 * _END_S):
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(self._held, signal.SIGKILL)
                ended.poll()
            os.close(self._held)
        if self._own_server is not None:
            self._own_server.close()

    def _read_more(self) -> None:
        chunk = os.read(self._stderr.fileno(), _TAIL_BYTES)
        if not chunk:
            self._loop.remove_reader(self._stderr)
        self._stderr_tail = (self._stderr_tail + chunk)[-_TAIL_BYTES:]
