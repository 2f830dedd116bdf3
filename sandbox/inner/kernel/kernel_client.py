"""Client of a Jupyter kernel: start it, send it one cell at a time, show the outputs."""

from __future__ import annotations

import os
import signal
import time
from typing import TYPE_CHECKING, Any, NoReturn

from sandbox.inner.kernel import kernel_process
from sandbox.inner.kernel.kernel_shown import exit_code
from sandbox.inner.process.descendants import child_exit_descriptor

if TYPE_CHECKING:
    from typing import Protocol

    class OutputReceiver(Protocol):
        """Protocol of a receiver of one cell's outputs."""

        def show(self, kind: str, content: dict[str, Any]) -> None:
            """Handle one message of the kernel."""


_KEY_BYTES = 32
_OUTPUT_WAIT_MS = 1000
"""Milliseconds to wait for outputs after a cell's reply; a healthy kernel needs one."""
_FINAL_READ_S = 0.5
"""Seconds to read from a dead kernel: on a busy machine its last output arrives late."""
_RETRY_MS = 5
"""Milliseconds until a failed connection is retried; libzmq would wait for 100."""
_FIRST_CELLS = ("pass", "import sys; sys.path.insert(0, '')")
"""Run before all cells; modules of the workspace become importable only here."""


class Client:
    """The sockets of one kernel, and its running cell."""

    def __init__(self, home: str) -> None:
        """Start a kernel and wait for it; `home` must not exist, so that no other kernel's files are read."""
        kernel_process.load(home)
        import zmq
        from jupyter_client import KernelClient

        connection = _connection_file(home)
        # Forked, so that both processes share what was imported. There are no threads yet.
        self._kernel = os.fork()
        if self._kernel == 0:
            kernel_process.become_kernel(connection)
        self._client = KernelClient(connection_file=connection)
        self._client.load_connection_file()
        self._client.context.setsockopt(zmq.RCVHWM, kernel_process.MAX_QUEUED)
        self._client.context.setsockopt(zmq.RECONNECT_IVL, _RETRY_MS)
        self._shell = self._client.connect_shell()
        self._iopub = self._client.connect_iopub()
        self._ends = child_exit_descriptor()
        self._poller = zmq.Poller()
        for source in (self._ends, self._shell, self._iopub):
            self.watch(source)
        self._request = ""
        """Id of the message that the kernel is processing; empty if none."""
        self._idle = True
        self._reply: dict[str, Any] | None = None
        self._replied = 0.0
        self._shown: OutputReceiver | None = None
        self.exit_code = 0
        """Exit code of the last cell."""
        self.leaves = False
        """Whether the last cell asked the kernel to exit."""
        self._boot()

    @property
    def busy(self) -> bool:
        """Whether a cell is running."""
        return bool(self._request)

    def watch(self, source: Any) -> None:
        """Make `step` return when a socket or descriptor is readable."""
        self._poller.register(source, 1)  # zmq.POLLIN

    def unwatch(self, source: Any) -> None:
        """Stop watching a socket or descriptor."""
        self._poller.unregister(source)

    def begin(self, code: str, outputs: OutputReceiver | None) -> None:
        """Send a cell; call `step` until not `busy`. Without `outputs`, its outputs are dropped."""
        content = {
            "code": code,
            "silent": outputs is None,
            "store_history": outputs is not None,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        message = self._client.session.send(self._shell, "execute_request", content)
        self._request, self._shown = message["header"]["msg_id"], outputs
        self._idle = False

    def step(self) -> dict[Any, int]:
        """Wait for events and handle the kernel's; return what is readable, descriptors as numbers.

        When the kernel has ended, this process exits in the same way.
        """
        ready: dict[Any, int] = dict(self._poller.poll(_OUTPUT_WAIT_MS if self._reply is not None else None))
        if self._iopub in ready:
            self._take_output()
        if self._shell in ready:
            self._take_reply()
        if self._ends in ready:
            self._note_exit()
        if self._reply is not None and (
            self._idle or time.monotonic() - self._replied > _OUTPUT_WAIT_MS / 1000
        ):
            self._finish(self._reply)
        return ready

    def interrupt(self) -> None:
        """Interrupt the cell as Ctrl-C does."""
        if self._request:
            os.killpg(self._kernel, signal.SIGINT)

    def abandon(self) -> None:
        """Interrupt the cell and drop its further output."""
        self._shown = None
        self.interrupt()

    def kill(self) -> None:
        """Kill the kernel and the processes of its cells."""
        os.killpg(self._kernel, signal.SIGKILL)

    def _boot(self) -> None:
        """Wait until outputs arrive, then run the first cell, the slowest of all. Raises SystemExit."""
        while not self._iopub.poll(10):
            self._client.session.send(self._shell, "kernel_info_request", {})
            if os.waitpid(self._kernel, os.WNOHANG)[0]:
                raise SystemExit("the kernel ended while it started")
            if self._shell.poll(1000):
                self._client.session.recv(self._shell)
        for code in _FIRST_CELLS:
            self.begin(code, None)
            while self.busy:
                self.step()

    def _take_output(self) -> None:
        message = self._client.session.recv(self._iopub)[1]
        if message is None or not self._request or message["parent_header"].get("msg_id") != self._request:
            return  # possibly of a thread that an earlier cell started
        if message["msg_type"] == "status":
            self._idle = message["content"]["execution_state"] == "idle"
        elif self._shown is not None:
            self._shown.show(message["msg_type"], message["content"])

    def _take_reply(self) -> None:
        message = self._client.session.recv(self._shell)[1]
        if message is not None and message["parent_header"].get("msg_id") == self._request:
            self._reply, self._replied = message["content"], time.monotonic()

    def _finish(self, reply: dict[str, Any]) -> None:
        self._request, self._reply, self._shown = "", None, None
        self.exit_code = exit_code(reply)
        self.leaves = any(part.get("source") == "ask_exit" for part in reply.get("payload") or ())

    def _note_exit(self) -> None:
        os.read(self._ends, 4096)
        pid, wait_status = os.waitpid(self._kernel, os.WNOHANG)
        if pid:
            self._read_final_output()
            _exit_as(wait_status)

    def _read_final_output(self) -> None:
        """Read the kernel's output before its end."""
        deadline = time.monotonic() + _FINAL_READ_S
        while self._request and not (self._reply and self._idle) and time.monotonic() < deadline:
            if self._shell.poll(_RETRY_MS):
                self._take_reply()
            self._take_output()


def _connection_file(home: str) -> str:
    """Create the folder and the connection file of a new kernel; return its path."""
    from jupyter_client.connect import write_connection_file

    os.makedirs(home, mode=0o700)
    path = os.path.join(home, "connection.json")
    key = os.urandom(_KEY_BYTES).hex().encode()
    write_connection_file(path, transport="ipc", ip=os.path.join(home, "kernel"), key=key)
    return path


def _exit_as(wait_status: int) -> NoReturn:
    """Exit with the kernel's exit code, or by its signal."""
    if os.WIFSIGNALED(wait_status):
        number = os.WTERMSIG(wait_status)
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.WEXITSTATUS(wait_status))
