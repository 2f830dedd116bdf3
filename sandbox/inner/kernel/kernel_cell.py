"""Command of one cell: pass its standard streams to the kernel's client, exit with the cell's exit code.

Only C modules are imported: their Python wrappers take longer to import than a small cell takes to run.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import sys

_GONE = 1
_INTERRUPT = b"I"


def run_cell() -> int:
    """Run the cell on standard input in the kernel of a folder; return its exit code.

    The arguments are the folder and the cell's number. SIGTERM interrupts the cell.
    """
    home, number = sys.argv[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
    try:
        connection.connect(f"{home}.socket")
        connection.sendmsg([number.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
        _signal.signal(_signal.SIGTERM, lambda *_: connection.send(_INTERRUPT))
        answer = connection.recv(1)
        connection.recv(1)  # EOF: a kernel that the cell ended is dead before this command exits
    except OSError:
        answer = b""
    return answer[0] if answer else _GONE
