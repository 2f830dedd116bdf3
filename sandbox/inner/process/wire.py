"""Messages with descriptors between the host and the children of the server, over sockets of their own."""

from __future__ import annotations

import array
import errno
import json
import os
import socket
import struct
from collections.abc import Callable
from typing import Any

HEADER = struct.Struct("<I")
ENDING = struct.Struct("<iQQQ")
"""The reaper's report: wait status, user and system microseconds, largest resident KiB."""
MAX_FRAME = 16 << 20
"""Bytes. The host holds a whole frame in memory, so this bounds the cost of a hostile sender."""
MOST = 8
"""Descriptors in one message, at most."""
READY, GO, FAILED = b"R", b"G", b"E"
LAYER = b"L"
"""Asks the server for a layer over the workspace instead of a child."""
MAX_MESSAGE = 400_000
"""Bytes of a message to or from the agent of a session; they fit a socket of the usual size."""
SPARE_PROCESSES = 16
"""The agent's processes beyond the limit, so that a command starts where others used it up."""
HOME, OUTPUT = "/tmp/home", "/tmp/out"
"""Folders of a session."""


def receive_with_fds(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """One message and the descriptors that came with it, close-on-exec; (b"", []) at its end."""
    received = array.array("i")
    flags = socket.MSG_CMSG_CLOEXEC
    message, ancillary, _, _ = connection.recvmsg(size, socket.CMSG_SPACE(most * received.itemsize), flags)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received.frombytes(content[: len(content) - len(content) % received.itemsize])
    return message, list(received)


def send_with_fds(connection: socket.socket, message: bytes, descriptors: list[int]) -> int:
    """Send one message with copies of descriptors; how many bytes were sent.

    The kernel compares the descriptors that all processes of a user have in flight with the sender's limit of
    open files. Where they are too many, that limit is raised for the moment.

    Raises:
        OSError: it could not be sent.
    """
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    try:
        return connection.sendmsg([message], [rights] if descriptors else [])
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
        import resource  # here: where Docker runs on Windows there is none, and nothing is sent

        usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        try:
            return connection.sendmsg([message], [rights])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


def receive_job(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """The one job of a child and its descriptors; None when the host discards it."""
    header, descriptors = receive_with_fds(connection, HEADER.size, MOST)
    if not header:
        return None
    header += read_exactly(connection.recv, HEADER.size - len(header))
    (size,) = HEADER.unpack(header)
    return json.loads(read_exactly(connection.recv, size)), descriptors


def read_exactly(receive: Callable[[int], bytes], size: int) -> bytes:
    """Exactly so many bytes of what `receive` gives in pieces.

    Raises EOFError where it came to its end before.
    """
    content = bytearray()
    while len(content) < size:
        piece = receive(min(size - len(content), 1 << 18))
        if not piece:
            raise EOFError("the other end closed before all was received")
        content += piece
    return bytes(content)


def complain(status: int, error: OSError) -> None:
    """Tell the host why a child can't be lent."""
    os.write(status, FAILED + str(error).encode("utf-8", "replace")[:500])


def close_all_but(*kept: int) -> None:
    """Close every descriptor of this process except some."""
    start = 0
    for descriptor in sorted(kept):
        if descriptor > start:  # of an empty range below 0 some versions of Python make all there are
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, max(start, os.sysconf("SC_OPEN_MAX")))
