"""Whatever others write, reading it gives a value, or the error that callers expect."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.foreign_readers import READERS, is_read

PIECES = [
    *(b"{", b"[", b"]", b"}", b'"', b"'", b",", b":", b"-", b"=", b"#", b"\\", b"<", b">", b"&", b"$", b"`"),
    *(b"null", b"true", b"[]", b"{}", b'""', b"0", b"-1", b"1e999", b"NaN", b"9" * 5000, b"!!int ''", b"*x"),
    *(b'"\\ud800"', b"\\u0000", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b"\n\n", b"\t", b"    "),
    *(
        b"\xe2\x80\xa8",
        b"\xc2\x85",
        b"\x1b[31m",
        "café".encode(),
        "é".encode("latin-1"),
        b"${A",
        b"${}",
        b"$$",
    ),
    *(
        b"<!DOCTYPE a [<!ENTITY b 'c'>]>",
        b"&b;",
        b"&#0;",
        b"<![CDATA[",
        b"../../x",
        b"/etc/passwd",
        b"*" * 99,
    ),
    *(b"[" * 3000, b"{" * 3000, b'{"a":' * 3000, b"(" * 3000, b"a." * 3000, b"- " * 3000, b"<a>" * 3000),
]
"""What is put into examples: parts of syntax, values of other types, and what is nested deeply."""


@st.composite
def mutants(draw: st.DrawFn, content: bytes) -> bytes:
    """Draw bytes that differ from an example in up to four places."""
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.sampled_from([0, 0, 1, 2, 5, 20, 10_000])))
        part = content[start : start + 40]
        new = draw(st.sampled_from(PIECES) | st.integers(0, 50).map(part.__mul__) | st.binary(max_size=3))
        content = content[:start] + new + content[end:]
    return content


@pytest.mark.parametrize("name", READERS)
def test_an_example_is_read(name: str) -> None:
    reader = READERS[name]
    if name not in ("a report", "an image's archive", "a stored event"):  # parts of what would be read
        assert is_read(reader, reader.example)


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(data=st.data())
def test_changed_examples_give_a_value_or_the_error_that_callers_expect(
    name: str, data: st.DataObject
) -> None:
    reader = READERS[name]

    is_read(reader, data.draw(mutants(reader.example)))
