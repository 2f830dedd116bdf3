"""The kernel's own process: ipykernel without history, colours and completion."""

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

WAITING = 16
"""Messages between the kernel and its client, at each end."""
_UNSENT = 1 << 20
"""Characters that a stream takes before it waits until they are sent."""
_LAST = 3
"""Descriptor of the standard error that the host reads."""


def can_load() -> bool:
    """Whether there is an ipykernel: the interpreter's own, else the one that the sandbox shows."""
    if not _can_import():
        sys.path.append(KERNEL)  # last: what the interpreter has itself goes before it
    return _can_import()


def _can_import() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in ("ipykernel", "jupyter_client"))


def load(home: str) -> None:
    """Import what a kernel and its client need, before the process is split in two.

    Raises SystemExit where there is no ipykernel.
    """
    if not can_load():
        raise SystemExit("there is no ipykernel")
    for name, folder in _FOLDERS.items():
        os.environ[name] = f"{home}/{folder}"
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    import ipykernel.ipkernel
    import ipykernel.kernelapp
    import ipykernel.zmqshell  # noqa: F401


def become_kernel(connection: str) -> NoReturn:
    """Run cells from the sockets that the connection file names, until told to stop."""
    os.setsid()  # an interrupt is for the kernel and what its cells started, not for the client
    said_at_last = _let_go()
    try:
        _run(connection)
    except BaseException:  # noqa: BLE001 - whatever it is, it is all that the host will hear of it
        with open(said_at_last, "w") as stderr:
            traceback.print_exc(file=stderr)
        os._exit(1)
    os._exit(0)


def _let_go() -> int:
    """Close whatever is the client's; a copy of standard error for the last words.

    The kernel writes to its standard output and error what it has sent already, without end.
    """
    said_at_last = os.dup2(2, _LAST)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    os.closerange(_LAST + 1, os.sysconf("SC_OPEN_MAX"))
    return said_at_last


def _run(connection: str) -> None:
    from traitlets.config import Config

    app_class = _bounded_app(f"ipc://{os.path.dirname(connection)}/children")
    forget_server()
    sys.argv = ["ipykernel"]
    app = app_class.instance(config=Config(_SETTINGS), connection_file=connection)
    app.initialize([])
    app.start()


def _bounded_app(endpoint: str) -> Any:
    """A class of kernels that hold a bounded number of messages; `endpoint` is for forked processes."""
    import ipykernel.iostream
    import ipykernel.kernelapp
    import zmq
    from ipykernel.iostream import IOPubThread, OutStream
    from zmq.eventloop.zmqstream import ZMQStream

    class Outputs(IOPubThread):  # type: ignore[misc]
        """Sends no faster than the client reads, and drops nothing.

        It hears what forked processes print over a unix socket: libzmq can't set up TCP without netlink.
        """

        def __init__(self, iopub: Any, *arguments: Any, **named: Any) -> None:
            iopub.setsockopt(zmq.XPUB_NODROP, 1)
            super().__init__(iopub, *arguments, **named)

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
        """Makes a cell wait that prints faster than can be sent: else a flood fills the memory first."""

        _unsent = 0

        def write(self, string: str) -> Any:
            written = super().write(string)
            self._unsent += len(string)
            if self._unsent > _UNSENT:
                self._unsent = 0
                self.flush()
            return written

    class App(ipykernel.kernelapp.IPKernelApp):  # type: ignore[misc]
        """A kernel that has few messages waiting."""

        def init_iopub(self, context: Any) -> None:
            context.setsockopt(zmq.SNDHWM, WAITING)
            super().init_iopub(context)

    ipykernel.kernelapp.IOPubThread = Outputs
    ipykernel.iostream.OutStream = Stream
    return App
