"""The command of one cell: hands its standard streams to the kernel, ends with the cell's exit code.

It imports C modules alone: their wrappers in Python take longer to import than a small cell takes to run.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import _socket
import posix
import sys

_GONE = 1


def run_cell() -> int:
    """Have a kernel run the cell on standard input; the cell's exit code.

    The arguments are the kernel's folder and pid, and the cell's number. At SIGTERM the cell and what it
    started are interrupted, as by Ctrl-C.
    """
    home, kernel, number = sys.argv[1:]
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    streams = b"".join(stream.to_bytes(4, sys.byteorder) for stream in (0, 1, 2))
    try:
        connection.connect(f"{home}.socket")
        connection.sendmsg([number.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, streams)])
        _signal.signal(_signal.SIGTERM, lambda *_: posix.killpg(int(kernel), _signal.SIGINT))
        answer = connection.recv(1)
        connection.recv(1)  # its end: a kernel that the cell has ended ends before its command
    except OSError:
        answer = b""
    return answer[0] if answer else _GONE
