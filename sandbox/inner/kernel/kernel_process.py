"""The kernel's process: ipykernel without history, colours and completion."""

from __future__ import annotations

import importlib.util
import os
import sys
import traceback
from typing import Any, NoReturn

from sandbox.inner.process.execute import forget_server
from sandbox.inner.walls.places import KERNEL

_SETTINGS: dict[str, dict[str, object]] = {
    "HistoryManager": {"enabled": False},
    "InteractiveShell": {"colors": "NoColor", "xmode": "Plain", "banner1": ""},
    "IPKernelApp": {"ignore_cwd": True, "log_level": 50, "exec_PYTHONSTARTUP": False},
    "IPCompleter": {"use_jedi": False},
}

_FOLDERS = {"IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}

MAX_QUEUED = 16
"""Messages queued between the kernel and its client, at each end."""
_MAX_UNSENT = 1 << 20
"""Unsent characters of a stream; beyond, a cell that prints is blocked."""
_HOST_STDERR = 3
"""Descriptor of the standard error that the host reads."""


def can_load() -> bool:
    """Whether ipykernel is available: the interpreter's own, or else the sandbox's."""
    if not _can_import():
        sys.path.append(KERNEL)  # last: the interpreter's own packages come first
    return _can_import()


def _can_import() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("ipykernel", "jupyter_client"))


def load(home: str) -> None:
    """Import the modules of a kernel and its client, before the fork. Raises SystemExit without ipykernel."""
    if not can_load():
        raise SystemExit("there is no ipykernel")
    for name, folder in _FOLDERS.items():
        os.environ[name] = f"{home}/{folder}"
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    import ipykernel.ipkernel
    import ipykernel.kernelapp
    import ipykernel.zmqshell  # noqa: F401


def become_kernel(connection: str) -> NoReturn:
    """Run cells from the sockets in the connection file until a shutdown request."""
    os.setsid()  # interrupts reach the kernel and its cells' processes, not the client
    host_stderr = _close_client()
    try:
        _run(connection)
    except BaseException:  # noqa: BLE001 - the host sees nothing else of it
        with open(host_stderr, "w") as stderr:
            traceback.print_exc(file=stderr)
        os._exit(1)
    os._exit(0)


def _close_client() -> int:
    """Close the client's resources; return a copy of standard error for a last message.

    Otherwise the kernel would echo sent output to its standard output and error, endlessly.
    """
    host_stderr = os.dup2(2, _HOST_STDERR)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.closerange(_HOST_STDERR + 1, os.sysconf("SC_OPEN_MAX"))
    return host_stderr


def _run(connection: str) -> None:
    from traitlets.config import Config

    app_class = _bounded_app(f"ipc://{os.path.dirname(connection)}/children")
    forget_server()
    sys.argv = ["ipykernel"]
    app = app_class.instance(config=Config(_SETTINGS), connection_file=connection)
    app.initialize([])
    app.start()


def _bounded_app(endpoint: str) -> Any:
    """Make a kernel class with bounded message queues; forked processes send output to `endpoint`."""
    import ipykernel.iostream
    import ipykernel.kernelapp
    import zmq
    from ipykernel.iostream import IOPubThread, OutStream
    from zmq.eventloop.zmqstream import ZMQStream

    class LosslessOutputs(IOPubThread):  # type: ignore[misc]
        """Send no faster than the client reads, dropping nothing.

        Output of forked processes comes over a unix socket: libzmq can't set up TCP without netlink.
        """

        def __init__(self, iopub: Any, *arguments: Any, **keywords: Any) -> None:
            iopub.setsockopt(zmq.XPUB_NODROP, 1)
            super().__init__(iopub, *arguments, **keywords)

        def _setup_pipe_in(self) -> None:
            self._pipe_uuid = os.urandom(16)
            pipe = self.socket.context.socket(zmq.PULL)
            pipe.linger = 0
            pipe.bind(endpoint)
            self._pipe_in = ZMQStream(pipe, self.io_loop)
            self._pipe_in.on_recv(self._handle_pipe_msg)

        def _setup_pipe_out(self) -> tuple[Any, Any]:
            context = zmq.Context()
            pipe = context.socket(zmq.PUSH)
            pipe.linger = 3000
            pipe.connect(endpoint)
            return context, pipe

    class Stream(OutStream):  # type: ignore[misc]
        """Block a cell that prints faster than output can be sent, before it fills the memory."""

        _unsent = 0

        def write(self, string: str) -> Any:
            count = super().write(string)
            self._unsent += len(string)
            if self._unsent > _MAX_UNSENT:
                self._unsent = 0
                self.flush()
            return count

    class App(ipykernel.kernelapp.IPKernelApp):  # type: ignore[misc]
        """A kernel with short message queues."""

        def init_iopub(self, context: Any) -> None:
            context.setsockopt(zmq.SNDHWM, MAX_QUEUED)
            super().init_iopub(context)

    ipykernel.kernelapp.IOPubThread = LosslessOutputs
    ipykernel.iostream.OutStream = Stream
    return App
