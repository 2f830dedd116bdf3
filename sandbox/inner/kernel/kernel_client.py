"""The kernel's client: gives it cells one at a time, and tells the host what comes of them."""

from __future__ import annotations

import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.inner.kernel.kernel_frames import BEGUN, EXECUTE, INTERRUPT, NUMBER, PING, READY
from sandbox.inner.kernel.kernel_process import WAITING
from sandbox.inner.kernel.kernel_shown import Shown

if TYPE_CHECKING:
    from sandbox.inner.process.channel import Channel

_KEY_BYTES = 32
_BEHIND_MS = 1000
"""How long after a cell's reply its last output may come; a kernel that is well needs a millisecond."""
_LAST_S = 0.5
"""How long a kernel that is dead is listened to: on a busy machine its last words come after its end."""
_AGAIN_MS = 5
"""Until it is tried again to connect to a kernel that has no sockets yet; libzmq would wait for 100."""
_FIRST = "pass"
_READY = "import sys; sys.path.insert(0, '')"
"""Modules of the workspace can be imported from the first cell on, and by nothing before."""


def prepare(home: str) -> str:
    """Make the folder and the connection file of a new kernel; its path."""
    from jupyter_client.connect import write_connection_file

    os.makedirs(home, mode=0o700)
    path = os.path.join(home, "connection.json")
    key = os.urandom(_KEY_BYTES).hex().encode()
    write_connection_file(path, transport="ipc", ip=os.path.join(home, "kernel"), key=key)
    return path


class Client:
    """The sockets of one kernel, and the cell that it is at."""

    def __init__(self, channel: Channel, connection: str, kernel: int) -> None:
        import zmq
        from jupyter_client import KernelClient

        self._channel, self._kernel = channel, kernel
        self._client = KernelClient(connection_file=connection)
        self._client.load_connection_file()
        self._client.context.setsockopt(zmq.RCVHWM, WAITING)
        self._client.context.setsockopt(zmq.RECONNECT_IVL, _AGAIN_MS)
        self._shell = self._client.connect_shell()
        self._iopub = self._client.connect_iopub()
        self._ends = _watch_children()
        self._poller = zmq.Poller()
        for heard in (channel.fileno(), self._ends, self._shell, self._iopub):
            self._poller.register(heard, zmq.POLLIN)
        self._request = ""
        """Id of the message that the kernel is at, empty when it is at none."""
        self._idle = True
        self._reply: dict[str, Any] | None = None
        self._replied = 0.0
        self._shown: Shown | None = None

    def serve(self) -> NoReturn:
        """Boot the kernel, then do what the host says until one of the three is gone."""
        self._boot()
        self._say(READY, 0)
        while True:
            self._step()

    def kill(self) -> None:
        """End the kernel and what its cells have started; `serve` ends as it did."""
        os.killpg(self._kernel, signal.SIGKILL)

    def _boot(self) -> None:
        """Wait until outputs arrive, then run a first cell: it costs more than all later ones."""
        while not self._iopub.poll(10):
            self._client.session.send(self._shell, "kernel_info_request", {})
            if os.waitpid(self._kernel, os.WNOHANG)[0]:
                raise SystemExit("the kernel ended while it started")
            if self._shell.poll(1000):
                self._client.session.recv(self._shell)
        for code in (_FIRST, _READY):
            self._ask(code, silent=True)
            while self._request:
                self._step()

    def _step(self) -> None:
        late = self._reply is not None
        ready = dict(self._poller.poll(_BEHIND_MS if late else None))
        if self._iopub in ready:
            self._take_outputs()
        if self._shell in ready:
            self._take_reply()
        if self._ends in ready:
            self._see_the_end()
        if self._channel.fileno() in ready:
            self._obey()
        if self._reply is not None and (self._idle or time.monotonic() - self._replied > _BEHIND_MS / 1000):
            self._finish(self._reply)

    def _ask(self, code: str, *, silent: bool) -> None:
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self._client.session.send(self._shell, "execute_request", content)
        self._request = message["header"]["msg_id"]
        self._idle = False

    def _obey(self) -> None:
        frame = self._channel.receive()
        if frame is None:
            os._exit(0)  # the host has let go
        if frame.startswith(EXECUTE):
            (number,) = NUMBER.unpack_from(frame, 1)
            self._say(BEGUN, number)
            self._shown = Shown(self._channel, number)
            self._ask(frame[1 + NUMBER.size :].decode("utf-8", "replace"), silent=False)
        elif frame.startswith(INTERRUPT) and self._request:
            os.killpg(self._kernel, signal.SIGINT)
        elif frame.startswith(PING):
            self._say(READY, 0)

    def _say(self, kind: bytes, number: int) -> None:
        self._channel.send(kind + NUMBER.pack(number))

    def _take_outputs(self) -> None:
        for _ in range(100):  # then the host's word is heard again
            message = self._client.session.recv(self._iopub)[1]
            if message is None:
                return
            if not self._request or message["parent_header"].get("msg_id") != self._request:
                continue  # of a thread that an earlier cell has started
            if message["msg_type"] == "status":
                self._idle = message["content"]["execution_state"] == "idle"
            elif self._shown is not None:
                self._shown.show(message["msg_type"], message["content"])

    def _take_reply(self) -> None:
        message = self._client.session.recv(self._shell)[1]
        if message is not None and message["parent_header"].get("msg_id") == self._request:
            self._reply, self._replied = message["content"], time.monotonic()

    def _finish(self, reply: dict[str, Any]) -> None:
        self._request, self._reply = "", None
        if self._shown is not None:
            self._shown.finish(reply)
            self._shown = None

    def _see_the_end(self) -> None:
        os.read(self._ends, 4096)
        pid, how = os.waitpid(self._kernel, os.WNOHANG)
        if pid:
            self._hear_the_last()
            _end_as(how)

    def _hear_the_last(self) -> None:
        """What it had said before its end: a cell that ends its kernel in words has its reply."""
        deadline = time.monotonic() + _LAST_S
        while self._request and not (self._reply and self._idle) and time.monotonic() < deadline:
            if self._shell.poll(_AGAIN_MS):
                self._take_reply()
            self._take_outputs()
        if self._reply is not None:
            self._finish(self._reply)


def _watch_children() -> int:
    """A descriptor that can be read when a child has ended."""
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writing.detach())
    return reading.detach()


def _end_as(how: int) -> NoReturn:
    """End as the kernel did, so that whoever started us knows: with its code, or by its signal."""
    if os.WIFSIGNALED(how):
        number = os.WTERMSIG(how)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(how))
