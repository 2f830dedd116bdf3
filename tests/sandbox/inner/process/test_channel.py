"""Frames over a socket: whole, bounded, or not at all."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from sandbox.inner.process.wire import MAX_FRAME, Channel, FrameTooLarge

Ends = tuple[Channel, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A channel, and the bare socket at its other end."""
    own_end, theirs = socket.socketpair()
    with own_end, theirs:
        yield Channel(own_end), theirs


@pytest.mark.parametrize("size", [0, 1, 70_000, MAX_FRAME])
def test_a_frame_arrives_whole(ends: Ends, size: int) -> None:
    channel, theirs = ends
    frame = b"x" * size

    sender = threading.Thread(target=Channel(theirs).send, args=(frame,))
    sender.start()
    received = channel.receive()
    sender.join()

    assert received == frame


def test_a_frame_over_the_limit_is_not_sent(ends: Ends) -> None:
    channel, theirs = ends

    with pytest.raises(FrameTooLarge):
        channel.send(b"x" * (MAX_FRAME + 1))

    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)


def test_an_announced_length_over_the_limit_is_refused_before_it_is_read(ends: Ends) -> None:
    channel, theirs = ends
    theirs.sendall(struct.pack("<I", MAX_FRAME + 1))

    with pytest.raises(FrameTooLarge):
        channel.receive()


@pytest.mark.parametrize("part", [b"", b"\x05", b"\x05\0\0\0", b"\x05\0\0\0abcd"])
def test_a_frame_cut_short_is_no_frame(ends: Ends, part: bytes) -> None:
    channel, theirs = ends
    theirs.sendall(part)
    theirs.shutdown(socket.SHUT_WR)

    assert channel.receive() is None
