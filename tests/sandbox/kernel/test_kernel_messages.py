"""What the host reads of a client's frames: all of ours, and nothing that is out of bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.kernel.kernel_frames import (
    DONE,
    ENDING,
    MAX_RICH,
    MAX_TEXT,
    MAX_TYPE,
    NUMBER,
    READY,
    RICH,
    RICH_HEAD,
    STDERR,
    STDOUT,
)
from sandbox.kernel.kernel_messages import BadFrame, Done, Rich, Sign, Text, read_frame

_SEVEN = NUMBER.pack(7)


def rich(kind: bytes, content: bytes, *, length: int | None = None) -> bytes:
    return RICH + _SEVEN + RICH_HEAD.pack(3, len(kind) if length is None else length) + kind + content


@given(st.binary(max_size=MAX_TEXT))
def test_text_comes_as_it_was_sent(content: bytes) -> None:
    assert read_frame(STDOUT + _SEVEN + content) == (7, Text("stdout", content))
    assert read_frame(STDERR + _SEVEN + content) == (7, Text("stderr", content))


@given(st.binary(max_size=1000))
def test_a_rich_output_comes_with_its_number_and_type(content: bytes) -> None:
    assert read_frame(rich(b"image/svg+xml", content)) == (7, Rich(3, "image/svg+xml", content))


@given(st.integers(0, 255), st.booleans())
def test_an_end_has_a_code(code: int, leaves: bool) -> None:
    assert read_frame(DONE + _SEVEN + ENDING.pack(code, leaves)) == (7, Done(code, leaves))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_bounded_frame_or_none(frame: bytes) -> None:
    try:
        cell, said = read_frame(frame)
    except BadFrame:
        return
    assert 0 <= cell < 1 << 32
    assert isinstance(said, Sign | Text | Rich | Done)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        READY,
        READY + b"\0\0\0",
        READY + _SEVEN + b"more",
        b"?" + _SEVEN,
        STDOUT + _SEVEN + bytes(MAX_TEXT + 1),
        DONE + _SEVEN,
        DONE + _SEVEN + bytes(3),
        RICH + _SEVEN,
        rich(b"image/png", b"", length=200),
        rich(b"", b"x"),
        rich(b"image", b"x"),
        rich(b"../../etc/passwd", b"x"),
        rich(b"image/../../x", b"x"),
        rich(b"image/png\n", b"x"),
        rich(b"image/" + b"x" * MAX_TYPE, b"x"),
        rich(b"image/\xff", b"x"),
        rich(b"image/png", bytes(MAX_RICH + 1)),
    ],
)
def test_what_no_client_of_ours_sends_is_refused(frame: bytes) -> None:
    with pytest.raises(BadFrame):
        read_frame(frame)
