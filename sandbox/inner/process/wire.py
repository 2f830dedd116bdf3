"""Messages with descriptors between the host and the server's children, over sockets of their own."""

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
"""Maximum descriptors in one message."""
READY, GO, FAILED = b"R", b"G", b"E"
LAYER = b"L"
"""Asks the server for a layer over the workspace instead of a child."""
MAX_MESSAGE = 400_000
"""Bytes of a message to or from a session's agent; it fits a socket of default size."""
SPARE_PROCESSES = 16
"""Processes of the agent beyond the limit, so that a command can start at the limit."""
HOME, OUTPUT, TOOLS = "/tmp/home", "/tmp/out", "/tmp/.tools"
"""Folders of a session."""


def receive_with_fds(connection: socket.socket, size: int, most: int) -> tuple[bytes, list[int]]:
    """Receive one message with its descriptors, close-on-exec; (b"", []) at EOF."""
    received = array.array("i")
    flags = socket.MSG_CMSG_CLOEXEC
    message, ancillary, _, _ = connection.recvmsg(size, socket.CMSG_SPACE(most * received.itemsize), flags)
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            received.frombytes(content[: len(content) - len(content) % received.itemsize])
    return message, list(received)


def send_with_fds(connection: socket.socket, message: bytes, descriptors: list[int]) -> int:
    """Send one message with copies of descriptors; return the number of bytes sent. Raises OSError.

    The kernel compares all descriptors that a user's processes have in flight with the sender's limit of open
    files, so that limit is raised temporarily if needed.
    """
    rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))
    try:
        return connection.sendmsg([message], [rights] if descriptors else [])
    except OSError as error:
        if error.errno != errno.ETOOMANYREFS:
            raise
        import resource  # here: Windows lacks it, and nothing is sent there

        usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        try:
            return connection.sendmsg([message], [rights])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (usual, most))


def receive_job(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Receive a child's one job and its descriptors; None if the host discards it."""
    header, descriptors = receive_with_fds(connection, HEADER.size, MOST)
    if not header:
        return None
    header += read_exactly(connection.recv, HEADER.size - len(header))
    (size,) = HEADER.unpack(header)
    return json.loads(read_exactly(connection.recv, size)), descriptors


def read_exactly(receive: Callable[[int], bytes], size: int) -> bytes:
    """Read exactly `size` bytes from `receive`. Raises EOFError if it ends before."""
    content = bytearray()
    while len(content) < size:
        piece = receive(min(size - len(content), 1 << 18))
        if not piece:
            raise EOFError("the other end closed before all was received")
        content += piece
    return bytes(content)


def complain(status: int, error: OSError) -> None:
    """Report to the host why a child can't start."""
    os.write(status, FAILED + str(error).encode("utf-8", "replace")[:500])


def close_all_but(*kept: int) -> None:
    """Close all descriptors of this process except some."""
    start = 0
    for descriptor in sorted(kept):
        if descriptor > start:  # for an empty range below 0 some versions of Python close all
            os.closerange(start, descriptor)
        start = descriptor + 1
    os.closerange(start, max(start, os.sysconf("SC_OPEN_MAX")))
