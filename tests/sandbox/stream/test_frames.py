"""The codec of an agent's frames: what is packed is split again, and nothing else is taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.inner.stream.frames import (
    BEAT,
    CALL,
    CREDIT,
    HEADER,
    MAX_NUMBER,
    MAX_PAYLOAD,
    WINDOW,
    FrameError,
    Splitter,
    Window,
    pack,
    pack_credit,
    pack_data,
    unpack_credit,
)

FRAMES = st.lists(
    st.tuples(
        st.integers(CALL, BEAT), st.integers(0, MAX_NUMBER), st.integers(0, 7), st.binary(max_size=300)
    ),
    max_size=20,
)


@pytest.mark.slow
@given(frames=FRAMES, cuts=st.lists(st.integers(1, 60), max_size=200))
def test_frames_are_split_wherever_the_pieces_are_cut(
    frames: list[tuple[int, int, int, bytes]], cuts: list[int]
) -> None:
    sent = b"".join(pack(*frame) for frame in frames)
    splitter, received = Splitter(), []

    while sent:
        size = cuts.pop() if cuts else len(sent)
        received += splitter.feed(sent[:size])
        sent = sent[size:]

    assert received == frames


@given(content=st.binary(max_size=3 * MAX_PAYLOAD))
def test_content_of_any_size_is_packed_into_permitted_frames(content: bytes) -> None:
    frames = Splitter().feed(pack_data(7, 1, content))

    assert b"".join(payload for *_, payload in frames) == content
    assert all(0 < len(payload) <= MAX_PAYLOAD for *_, payload in frames)


@given(content=st.binary(max_size=2000))
def test_arbitrary_bytes_are_split_or_refused(content: bytes) -> None:
    try:
        frames = Splitter().feed(content)
    except FrameError:
        return
    assert sum(HEADER.size + len(payload) for *_, payload in frames) <= len(content)


@pytest.mark.parametrize("header", [(MAX_PAYLOAD + 1, CALL, 0), (0, 0, 0), (0, BEAT + 1, 0)])
def test_a_frame_of_an_unknown_kind_or_size_is_refused_at_its_header(header: tuple[int, int, int]) -> None:
    with pytest.raises(FrameError):
        Splitter().feed(HEADER.pack(*header))


def test_a_payload_that_is_too_large_is_not_packed() -> None:
    with pytest.raises(FrameError, match="65,537"):
        pack(CALL, 1, 0, bytes(MAX_PAYLOAD + 1))


@given(amount=st.integers(0, (1 << 32) - 1))
def test_a_grant_is_read_as_it_was_written(amount: int) -> None:
    ((kind, number, stream, payload),) = Splitter().feed(pack_credit(3, 2, amount))

    assert (kind, number, stream, unpack_credit(payload)) == (CREDIT, 3, 2, amount)


@given(payload=st.binary(max_size=8).filter(lambda content: len(content) != 4))
def test_a_grant_of_another_length_is_refused(payload: bytes) -> None:
    with pytest.raises(FrameError):
        unpack_credit(payload)


@pytest.mark.slow
@given(sizes=st.lists(st.integers(1, MAX_PAYLOAD), max_size=60))
def test_a_window_grants_exactly_what_was_consumed_and_never_more_is_under_way(sizes: list[int]) -> None:
    window, granted, received = Window(), WINDOW, 0

    for size in sizes:
        if received + size > granted:
            with pytest.raises(FrameError):
                window.receive(size)
            return
        window.receive(size)
        received += size
        granted += window.consume(size)

        assert granted - received <= WINDOW
