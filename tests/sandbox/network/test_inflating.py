"""A compressed body is decompressed in whatever pieces it comes, a bounded piece at a time."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.network.inflating import Inflater


def raw(content: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(content) + stream.flush()


PACKERS = {
    "gzip": (b"gzip", gzip.compress),
    "gzip by its old name": (b"x-gzip", gzip.compress),
    "two members": (b"gzip", lambda content: gzip.compress(content[:3]) + gzip.compress(content[3:])),
    "padded": (b"gzip", lambda content: gzip.compress(content) + bytes(20)),
    "deflate": (b"deflate", zlib.compress),
    "deflate without its head": (b"deflate", raw),
}


def inflated(encoding: bytes, *chunks: bytes) -> bytes:
    inflater = Inflater(encoding)
    content = b"".join(piece for chunk in chunks for piece in inflater.feed(chunk))
    inflater.finish()
    return content


@given(st.binary(max_size=300), st.sampled_from([*PACKERS]), st.integers(1, 40))
def test_a_body_in_any_chunks_is_what_was_packed(content: bytes, name: str, size: int) -> None:
    encoding, pack = PACKERS[name]
    packed = pack(content)

    chunks = [packed[at : at + size] for at in range(0, len(packed), size)]

    assert inflated(encoding, *chunks) == content


def test_a_body_that_grows_a_thousand_times_comes_in_bounded_pieces() -> None:
    pieces = [*Inflater(b"gzip").feed(gzip.compress(bytes(10 << 20)))]

    assert sum(map(len, pieces)) == 10 << 20
    assert max(map(len, pieces)) <= 64 << 10


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("length", [1, 9])
def test_a_body_that_is_cut_off_is_an_error(name: str, length: int) -> None:
    encoding, pack = PACKERS[name]

    with pytest.raises(ConnectionResetError, match="cut off"):
        inflated(encoding, pack(b"some content")[:length])


@given(st.binary(min_size=2, max_size=50))
def test_bytes_that_are_not_compressed_raise_nothing_else(content: bytes) -> None:
    for encoding in (b"gzip", b"deflate"):
        try:
            inflated(encoding, content)
        except ConnectionResetError:
            continue


def test_no_body_at_all_is_none_that_was_cut_off() -> None:
    assert inflated(b"gzip") == b""
