"""The programs of a kernel: one runs a list of cells, one serves cells that `kernel_cell` sends.

Cells of a session are sent over a unix socket: one message with the number of the cell and, as descriptors,
the standard streams of the command that sends it. The answer is one byte, the exit code.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import Any, NoReturn

from sandbox.inner.process import wire
from sandbox.inner.walls.places import KERNEL

READY = b"R"
_FIGURES = "module://matplotlib_inline.backend_inline"


def can_load() -> bool:
    """Whether there is an IPython: the interpreter's own, else the one that the sandbox shows."""
    if importlib.util.find_spec("IPython") is None:
        sys.path.append(KERNEL)  # last: what the interpreter has itself goes before it
    return importlib.util.find_spec("IPython") is not None


def run_cells() -> NoReturn:
    """Run the cells on standard input, a JSON list, in a new kernel; end with the first one that fails.

    The argument is the folder of the kernel. Rich outputs are files of the current folder.
    """
    cells = json.load(sys.stdin)
    shell = _open_shell(sys.argv[1])
    code = 0
    for number, source in enumerate(cells, 1):
        code = shell.run(source, f"cell-{number}", names_pictures=False)
        if code or shell.leaves:
            break
    os._exit(code)


def serve() -> None:
    """Run cells that commands send until one of them ends the kernel. The argument is its folder."""
    home, this = sys.argv[1], os.getpid()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{home}.socket")
    listener.listen()
    shell = _open_shell(home)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.write(1, READY)
    null = os.open(os.devnull, os.O_RDWR)
    _set_streams([null] * 3)
    while not shell.leaves:
        connection, _ = listener.accept()
        number, streams = wire.receive_with_fds(connection, 16, 3)
        if len(streams) == 3:
            _set_streams(streams)
            with open(streams[0], "rb") as stdin:
                source = stdin.read().decode("utf-8", "replace")
            code = _run(shell, source, f"{wire.OUTPUT}/cell-{int(number)}")
            if os.getpid() != this:
                os._exit(code)  # a fork that the cell has not ended
            _set_streams([null] * 3)
            shell.flush()  # what could not be written
            for stream in streams[1:]:
                os.close(stream)
            with suppress(OSError):  # its command is gone
                connection.send(bytes([code]))
        if not shell.leaves:
            connection.close()
    os._exit(0)


def _run(shell: Any, source: str, place: str) -> int:
    """Run one cell, which can be interrupted meanwhile; its exit code."""
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return int(shell.run(source, place, names_pictures=True))
        finally:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
    except KeyboardInterrupt:
        return 1


def _set_streams(descriptors: list[int]) -> None:
    """Replace the descriptors of standard input, output and error."""
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)


def _open_shell(home: str) -> Any:
    """A new shell with its files in a new folder: nothing that another kernel left is read.

    Raises:
        SystemExit: there is no IPython.
    """
    if not can_load():
        raise SystemExit("there is no IPython")
    os.makedirs(home, mode=0o700)
    os.environ["IPYTHONDIR"] = home
    os.environ.setdefault("MPLBACKEND", _FIGURES)
    return importlib.import_module("sandbox.inner.kernel.kernel_shell").open_shell(home)
