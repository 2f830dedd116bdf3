"""Messages with descriptors between the host and the server's children, and frames of a channel.

A frame is a u32 length (little-endian), then that many bytes.
"""

from __future__ import annotations

import array
import errno
import json
import os
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from sandbox.inner.walls.places import VENV, WORKSPACE

HEADER = struct.Struct("<I")
ENDING = struct.Struct("<iQQQ")
"""The reaper's report: wait status, user and system microseconds, largest resident KiB."""
MAX_FRAME = 16 << 20
"""Bytes. The host holds a whole frame in memory, so this bounds the cost of a hostile sender."""
MAX_DESCRIPTORS = 8
"""Maximum descriptors in one message."""
READY, GO, GO_BARE, FAILED = b"R", b"G", b"B", b"E"
"""GO_BARE: for a command, which needs no packages of Python."""
LAYER = b"L"
"""Asks the server for a layer over the workspace instead of a child."""
LOAD = b"I"
"""Asks the server to import the module whose name follows, for all later children."""
MAX_MESSAGE = 400_000
"""Bytes of a message to or from a session's agent; it fits a socket of default size."""
_PIPE_MODE = 0o666
SPARE_PROCESSES = 16
"""Processes of the agent beyond the limit, so that a command can start at the limit."""
LOWEST = 19
"""Added to a niceness: leaves processors to any other process."""


class SessionFolders(NamedTuple):
    """Folders of a session; without a mount namespace they are folders of the machine."""

    workspace: str = WORKSPACE
    temporary: str = "/tmp"
    venv: str = VENV
    home_in_place: str = ""
    """HOME of commands that work in place."""

    @property
    def home(self) -> str:
        """HOME of commands."""
        return f"{self.temporary}/home"

    @property
    def output(self) -> str:
        """Folder with the output of each command."""
        return f"{self.temporary}/out"

    @property
    def tools(self) -> str:
        """Folder with the module of the user's tools."""
        return f"{self.temporary}/.tools"


CALLS = "CODER_CALLS"
"""Variable with the descriptor by which commands send connections, where only socket pairs are allowed."""
HOME, OUTPUT = SessionFolders().home, SessionFolders().output
"""Folders of a session with a mount namespace."""


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


def program_pipe() -> tuple[int, int]:
    """Return the ends of a pipe of a program, for reading and for writing. Raises OSError.

    The program may open it by name, such as /dev/stdout, as another user than its maker. The mode lets nobody
    else in: /proc shows the descriptors of a process only to those who may trace it.
    """
    ends = os.pipe2(os.O_CLOEXEC)
    os.fchmod(ends[0], _PIPE_MODE)
    return ends


def receive_job(connection: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Receive a child's one job and its descriptors; None if the host discards it."""
    header, descriptors = receive_with_fds(connection, HEADER.size, MAX_DESCRIPTORS)
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


class FrameTooLarge(ValueError):
    """A frame to send, or an announced one, exceeds MAX_FRAME."""


class Duplex:
    """A reading and a writing descriptor that act as a stream socket."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, self._writing = reading, writing

    def fileno(self) -> int:
        """Return the descriptor to wait on for input."""
        return self._reading

    def recv(self, size: int) -> bytes:
        """Read at most `size` bytes; none at EOF."""
        return os.read(self._reading, size)

    def sendall(self, content: bytes) -> None:
        """Send everything; block until the other side takes it."""
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._writing, rest) :]


class Channel:
    """One end of a stream socket that carries whole frames. Not thread-safe."""

    def __init__(self, sock: socket.socket | Duplex) -> None:
        self._socket = sock

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._socket.fileno()

    def close(self) -> None:
        """Close this end of a socket."""
        if isinstance(self._socket, socket.socket):
            self._socket.close()

    def send(self, frame: bytes) -> None:
        """Send one frame, blocking. Raises FrameTooLarge (nothing sent), or OSError without a peer."""
        self.send_all((frame,))

    def send_all(self, frames: Iterable[bytes]) -> None:
        """Send frames at once, to wake the receiver once. Raises FrameTooLarge (nothing sent) or OSError."""
        parts = []
        for frame in frames:
            if len(frame) > MAX_FRAME:
                raise FrameTooLarge(f"a frame of {len(frame):,} bytes; {MAX_FRAME:,} is the limit")
            parts += [HEADER.pack(len(frame)), frame]
        self._socket.sendall(b"".join(parts))

    def receive(self) -> bytes | None:
        """Return the next frame; None at EOF, also within a frame. Raises FrameTooLarge or OSError."""
        header = self._exactly(HEADER.size)
        return None if header is None else self._content(header)

    def receive_with_line(self) -> tuple[bytes | None, Channel | None]:
        """Return the next frame, and the channel sent with it, if any. Raises FrameTooLarge or OSError."""
        if not isinstance(self._socket, socket.socket):
            return self.receive(), None
        header, descriptors = receive_with_fds(self._socket, HEADER.size, 1)
        line = Channel(socket.socket(fileno=descriptors[0])) if descriptors else None
        if len(header) < HEADER.size:
            rest = self._exactly(HEADER.size - len(header)) if header else None
            if rest is None:
                return None, line
            header += rest
        return self._content(header), line

    def _content(self, header: bytes) -> bytes | None:
        """Read the frame that a header announces. Raises FrameTooLarge."""
        (length,) = HEADER.unpack(header)
        if length > MAX_FRAME:
            raise FrameTooLarge(f"a frame of {length:,} bytes was announced; {MAX_FRAME:,} is the limit")
        return self._exactly(length)

    def _exactly(self, count: int) -> bytes | None:
        try:
            return read_exactly(self._socket.recv, count)
        except EOFError:
            return None
