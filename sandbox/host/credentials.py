"""Sockets whose messages carry the sender's pid, added by the kernel and unforgeable."""

import array
import errno
import socket
import struct

from sandbox.inner.process.wire import send_with_fds

_CREDENTIALS = struct.Struct("iII")
_DESCRIPTOR = array.array("i").itemsize
_MESSAGE = 1024
_MOST = 2
"""Most descriptors in one message."""
CROWDED = "Raise the hard limit of open files (ulimit -Hn): a program has sent itself too many descriptors."
"""Advice where descriptors can't be sent."""


def introduced_pair(kind: socket.SocketKind) -> tuple[socket.socket, socket.socket]:
    """A socket pair: our end, which receives credentials, and the end for inside."""
    ours, inside = socket.socketpair(socket.AF_UNIX, kind)
    ours.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    return ours, inside


def receive(connection: socket.socket, size: int = _MESSAGE) -> tuple[bytes, int, list[int]]:
    """One message, the sender's pid on the host, and descriptors; (b"", 0, []) at the end."""
    room = socket.CMSG_SPACE(_CREDENTIALS.size) + socket.CMSG_SPACE(_MOST * _DESCRIPTOR)
    try:
        message, ancillary, _, _ = connection.recvmsg(size, room, socket.MSG_CMSG_CLOEXEC)
    except ConnectionResetError:
        return b"", 0, []
    pid, descriptors = 0, array.array("i")
    for _, kind, content in ancillary:
        if kind == socket.SCM_CREDENTIALS:
            pid = _CREDENTIALS.unpack(content[: _CREDENTIALS.size])[0]
        elif kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content)
    return message, pid, list(descriptors)


def may_send_none() -> bool:
    """Whether this user has too many descriptors in flight to send another."""
    one, other = socket.socketpair()
    with one, other:
        try:
            send_with_fds(one, b".", [one.fileno()])
        except OSError as error:
            return error.errno == errno.ETOOMANYREFS
    return False
