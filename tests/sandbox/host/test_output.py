"""What is kept of a program's output, whatever it writes and however it arrives."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.host.output import Output, Stream

CHUNKS = st.lists(st.tuples(st.sampled_from(["stdout", "stderr"]), st.binary(min_size=1, max_size=400)))


@pytest.mark.slow
@given(chunks=CHUNKS, limit=st.integers(1, 2000))
def test_both_streams_together_never_take_more_than_the_limit_and_the_marks(
    chunks: list[tuple[Stream, bytes]], limit: int
) -> None:
    output = Output(limit)

    for stream, chunk in chunks:
        output.add(stream, chunk)

    for written in (lambda stream: output.text(stream).encode(), output.raw):
        assert len(written("stdout")) + len(written("stderr")) <= max(limit, 2 * 64 + limit // 2)
    assert output.total == sum(len(chunk) for _, chunk in chunks)


@pytest.mark.slow
@given(chunks=CHUNKS)
def test_output_within_the_limit_is_kept_whole(chunks: list[tuple[Stream, bytes]]) -> None:
    output = Output(1 << 20)

    for stream, chunk in chunks:
        output.add(stream, chunk)

    for name in ("stdout", "stderr"):
        written = b"".join(chunk for stream, chunk in chunks if stream == name)
        assert output.text(name) == written.decode("utf-8", "replace")
        assert output.raw(name) == written
    assert not output.truncated


@pytest.mark.slow
@given(st.binary(min_size=3000, max_size=9000))
def test_of_longer_output_the_first_half_and_the_latest_are_kept(content: bytes) -> None:
    text = content.hex().encode()
    output = Output(2000)

    for start in range(0, len(text), 100):
        output.add("stdout", text[start : start + 100])

    kept = output.text("stdout")
    assert output.truncated
    assert kept.encode().startswith(text[:1000])
    assert kept.encode().endswith(text[-800:])
    assert "bytes left out" in kept


def test_a_character_that_was_split_between_two_reads_is_whole() -> None:
    output = Output(1000)

    for byte in "ä€😀".encode():
        output.add("stdout", bytes([byte]))

    assert output.text("stdout") == "ä€😀"
