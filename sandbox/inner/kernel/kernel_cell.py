"""Command of one cell: pass its standard streams to the kernel's client, exit with the cell's exit code.

Only C modules are imported: their Python wrappers take longer to import than a small cell takes to run.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import posix
import select
import sys

_NO_ANSWER = 1
_INTERRUPT = b"I"
_END_MS = 10_000


def run_cell() -> int:
    """Run the cell on standard input in the kernel of a folder; return its exit code.

    The arguments are the folder and the cell's number. SIGTERM interrupts the cell.
    """
    home, number = sys.argv[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
    answer = b""
    try:
        connection.connect(f"{home}.socket")
        connection.sendmsg([number.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
        _signal.signal(_signal.SIGTERM, lambda *_: connection.send(_INTERRUPT))
        answer = connection.recv(2)
        if answer[1:] != b"\0":
            _wait_for_end(connection)
    except OSError:
        pass  # no client, or it ended meanwhile
    return answer[0] if answer else _NO_ANSWER


def _wait_for_end(connection: _socket.socket) -> None:
    """Wait until the kernel's client has exited, so that the host learns of its end before this command's.

    The client closes its connections before it exits.
    """
    connection.recv(1)  # EOF
    client = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 4)  # the first field, its pid
    if hasattr(posix, "pidfd_open"):
        exit_poll = select.poll()
        exit_poll.register(posix.pidfd_open(int.from_bytes(client, sys.byteorder)), select.POLLIN)
        exit_poll.poll(_END_MS)
