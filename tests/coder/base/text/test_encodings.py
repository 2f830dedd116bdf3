"""A text that declares another encoding than UTF-8 is read in it, and written in it after an edit."""

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.base.text.encodings import Unencodable, decode_declared, decoded, encoded_like, encoding_of
from coder.base.text.sanitize import as_bytes, as_text

LATIN = "# -*- coding: latin-1 -*-\nname = 'é'\n"


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (LATIN, "latin-1"),
        ("#!/usr/bin/python\n# vim: set fileencoding=shift_jis :\nname = '日本'\n", "shift_jis"),
        ("\ufeffname: é\n", "utf-16-le"),
        ("\ufeffname: é\n", "utf-16-be"),
    ],
)
def test_a_text_is_read_and_written_in_the_encoding_that_it_declares(text: str, encoding: str) -> None:
    content = text.encode(encoding)

    assert decode_declared(content) == (text, encoding)
    assert decoded(as_text(content)) == text
    changed = text.replace("name", "title")
    assert as_bytes(encoded_like(changed, text, encoding_of(as_text(content)))) == changed.encode(encoding)


@pytest.mark.parametrize(
    "content",
    [
        b"name = '\xe9'\n",
        b"x = 1\n\n# coding: latin-1\nname = '\xe9'\n",
        b"x = 1\n# coding: latin-1\nname = '\xe9'\n",
        b"# coding: no-such-encoding\nname = '\xe9'\n",
        b"# coding: hex\nname = '\xe9'\n",
        b"# coding: ascii\nname = '\xe9'\n",
        b"# coding: latin-1\nname = '\xe9\0'\n",
        codecs.BOM_UTF16_LE + b"a",
        b"\x89PNG\r\n",
    ],
)
def test_what_declares_no_encoding_that_fits_is_no_text(content: bytes) -> None:
    assert decode_declared(content) is None
    assert as_bytes(decoded(as_text(content))) == content


@given(st.binary())
def test_reading_and_writing_changes_no_bytes(content: bytes) -> None:
    text = as_text(content)

    assert as_bytes(encoded_like(decoded(text), decoded(text), encoding_of(text))) == content


def test_a_character_that_the_encoding_lacks_is_named() -> None:
    with pytest.raises(Unencodable, match=r"latin-1 has no '→' \(U\+2192\)"):
        encoded_like(LATIN.replace("é", "→"), LATIN, "latin-1")


def test_an_edit_of_the_declaration_changes_the_encoding() -> None:
    changed = LATIN.replace("latin-1", "utf-8").replace("é", "→")

    assert encoded_like(changed, LATIN, "latin-1") == changed


def test_a_first_character_beyond_ascii_is_written_in_the_declared_encoding() -> None:
    plain = LATIN.replace("é", "e")

    assert as_bytes(encoded_like(LATIN, plain, None)) == LATIN.encode("latin-1")


def test_a_text_that_is_utf_8_whatever_it_declares_stays_so() -> None:
    assert encoded_like(LATIN + "# ü\n", LATIN, None) == LATIN + "# ü\n"
