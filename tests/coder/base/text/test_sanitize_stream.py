"""A stream that is shown piece by piece is as harmless as one that is shown whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.sanitize import StreamSanitizer, printable

PIECES = st.lists(
    st.sampled_from(
        ["\x1b", "[", "]", "0;t", "\x07", "\x1b\\", "2J", "m", "\x9b", "\x9d", "\x9c", "P", " ", "é", "\n"]
    )
)


@pytest.mark.slow
@given(PIECES, st.integers(1, 7))
def test_however_a_stream_is_cut_what_is_shown_is_the_same(pieces: list[str], size: int) -> None:
    content = "".join(pieces).encode()
    stripper = StreamSanitizer()

    outputs = [stripper.strip(content[at : at + size]) for at in range(0, len(content), size)]
    outputs.append(stripper.strip(b"", last=True))

    assert "".join(outputs) == printable(content.decode())


def test_plain_text_is_shown_at_once() -> None:
    assert StreamSanitizer().strip(b"no newline: ") == "no newline: "


def test_a_sequence_without_end_holds_little_back() -> None:
    stripper = StreamSanitizer()

    output = stripper.strip(b"\x1b]0;" + b"x" * 100_000)

    assert len(output) > 90_000


def test_bytes_that_are_no_text_are_shown_as_replacements() -> None:
    stripper = StreamSanitizer()

    assert stripper.strip(b"a\xffb\xc3") + stripper.strip(b"\xa9") == "a\ufffdbé"
