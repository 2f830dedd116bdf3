"""Programs of a kernel: one runs a list of cells, one serves cells that `kernel_cell` sends.

A session's cells arrive over a unix socket: one message with the cell's number and, as descriptors, the
standard streams of the sending command. The answer is two bytes: the exit code, and whether the kernel ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from sandbox.inner.process import wire

if TYPE_CHECKING:
    from sandbox.inner.kernel.kernel_client import Client

READY = b"R"


def run_cells() -> None:
    """Run the JSON list of cells on standard input in a new kernel; exit at the first that fails.

    The argument is the kernel's folder. Rich outputs become files of the current folder.
    """
    from sandbox.inner.kernel import kernel_client, kernel_shown

    cells = json.load(sys.stdin)
    client = kernel_client.Client(sys.argv[1])
    for number, source in enumerate(cells, 1):
        client.begin(source, kernel_shown.CellOutputs(1, 2, f"cell-{number}", names_files=False))
        while client.busy:
            client.step()
        if client.exit_code or client.leaves:
            break
    os._exit(client.exit_code)


def serve() -> None:
    """Start a kernel and run cells until it ends.

    The arguments are its folder, and the seconds from the interrupt of an abandoned cell until it is killed.
    """
    from sandbox.inner.kernel import kernel_client

    home, grace_s = sys.argv[1], float(sys.argv[2])
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(f"{home}.socket")
    listener.listen()
    client = kernel_client.Client(home)
    signal.signal(signal.SIGALRM, lambda *_: client.kill())
    os.write(1, READY)
    while True:
        client.watch(listener.fileno())
        while listener.fileno() not in client.step():
            pass
        client.unwatch(listener.fileno())
        connection, _ = listener.accept()
        with connection:
            _serve_cell(client, connection, grace_s)


def _serve_cell(client: Client, connection: socket.socket, grace_s: float) -> None:
    """Run one cell. It is interrupted when its command asks for that or disconnects."""
    from sandbox.inner.kernel.kernel_shown import CellOutputs

    number, streams = wire.receive_with_fds(connection, 16, 3)
    if len(streams) != 3:
        return
    with open(streams[0], "rb") as stdin:
        source = stdin.read().decode("utf-8", "replace")
    client.begin(
        source, CellOutputs(streams[1], streams[2], f"/tmp/out/cell-{int(number)}", names_files=True)
    )
    command = connection.fileno()
    client.watch(command)
    _wait(client, command)
    if client.busy and connection.recv(1):
        client.interrupt()
        _wait(client, command)
    client.unwatch(command)
    if client.busy:
        client.abandon()
        signal.setitimer(signal.ITIMER_REAL, grace_s)
    for stream in streams[1:]:
        os.close(stream)
    while client.busy:
        client.step()
    signal.setitimer(signal.ITIMER_REAL, 0)
    with suppress(OSError):
        connection.send(bytes([client.exit_code, client.leaves]))
    if client.leaves:
        signal.setitimer(signal.ITIMER_REAL, grace_s)
    while client.leaves:  # until the kernel has ended, and with it this process
        client.step()


def _wait(client: Client, command: int) -> None:
    """Wait until the cell has ended, or its command sent something or disconnected."""
    while client.busy and command not in client.step():
        pass
