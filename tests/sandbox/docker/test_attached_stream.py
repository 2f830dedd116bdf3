"""What the engine sends is parted into its two streams, however it is cut into pieces."""

import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import SandboxBroken
from sandbox.docker.attached_stream import Demultiplexer, attach

_FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=300)), max_size=20)


@pytest.mark.slow
@given(frames=_FRAMES, cuts=st.lists(st.integers(min_value=1, max_value=50), max_size=200))
def test_streams_are_parted_wherever_the_pieces_are_cut(
    frames: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    sent = b"".join(struct.pack(">BxxxI", number, len(content)) + content for number, content in frames)
    parted = Demultiplexer()
    outputs = {"stdout": b"", "stderr": b""}

    while sent:
        size = cuts.pop() if cuts else len(sent)
        for stream, content in parted.feed(sent[:size]):
            outputs[stream] += content
        sent = sent[size:]

    for number, name in ((1, "stdout"), (2, "stderr")):
        assert outputs[name] == b"".join(content for of, content in frames if of == number)


def test_a_stream_that_the_engine_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="stream 7"):
        Demultiplexer().feed(struct.pack(">BxxxI", 7, 1) + b"x")


def test_a_piece_is_told_before_the_rest_of_a_long_frame_has_come() -> None:
    parted = Demultiplexer()

    assert parted.feed(struct.pack(">BxxxI", 1, 1 << 30) + b"early") == [("stdout", b"early")]


async def test_sending_to_an_engine_that_has_just_closed_is_an_error() -> None:
    own_end, theirs = socket.socketpair()
    own_end.setblocking(False)
    attached = await attach(own_end)
    theirs.close()  # and the loop hears of it only after the send

    with pytest.raises(SandboxBroken, match="gone"):
        await attached.send(b"a job")

    attached.close()
