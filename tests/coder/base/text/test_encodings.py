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


@pytest.mark.parametrize(
    ("text", "charset"),
    [("name = 'é'\n", "latin-1"), ("name = 'a'\n", "utf-16-le"), ("name = '日本'\n", "utf-16-be")],
)
def test_a_text_that_declares_nothing_is_in_the_charset_of_its_path(text: str, charset: str) -> None:
    content = text.encode(charset)

    assert decoded(as_text(content), charset) == text
    encoding = encoding_of(as_text(content), charset)
    changed = text.replace("name", "title")
    assert as_bytes(encoded_like(changed, text, encoding, charset)) == changed.encode(charset)


def test_a_mark_and_a_declaration_precede_the_charset_of_the_path() -> None:
    marked, declared = "\ufeffé\n".encode("utf-16-le"), LATIN.encode("latin-1")

    assert decode_declared(marked, "latin-1") == ("\ufeffé\n", "utf-16-le")
    assert decode_declared(declared, "utf-16-le") == (LATIN, "latin-1")


def test_a_text_that_is_utf_8_whatever_the_charset_of_its_path_stays_so() -> None:
    text = as_text("name = 'é'\n".encode())

    assert decoded(text, "latin-1") == "name = 'é'\n"
    assert encoded_like("title = 'é'\n", "name = 'é'\n", None, "latin-1") == "title = 'é'\n"


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\x08\xff\xfe", b"\xff\0\xfe", b"\xe9\x01\x01\x00"])
@pytest.mark.parametrize("charset", ["latin-1", "utf-16-le"])
def test_a_binary_file_is_no_text_in_any_charset(content: bytes, charset: str) -> None:
    assert encoding_of(as_text(content), charset) is None


@pytest.mark.parametrize(
    ("charset", "content"),
    [
        ("latin-1", "é\n".encode("latin-1")),
        ("utf-16-le", "\ufeffé\n".encode("utf-16-le")),
        ("utf-8-sig", "\ufeffé\n".encode()),
        (None, "é\n".encode()),
    ],
)
def test_a_new_file_is_written_in_the_charset_of_its_path(charset: str | None, content: bytes) -> None:
    assert as_bytes(encoded_like("é\n", None, None, charset)) == content


def test_a_first_character_beyond_ascii_is_written_in_the_charset_of_the_path() -> None:
    assert as_bytes(encoded_like("é\n", "e\n", None, "latin-1")) == b"\xe9\n"
    assert as_bytes(encoded_like("é\n", "e\n", None, "utf-16-le")) == "é\n".encode()


def test_a_character_that_the_charset_lacks_is_named() -> None:
    with pytest.raises(Unencodable, match=r"latin-1 has no '→' \(U\+2192\)"):
        encoded_like("→\n", "é\n", "latin-1", "latin-1")


@given(st.binary(), st.sampled_from(["latin-1", "utf-16-le", "utf-16-be", "utf-8-sig"]))
def test_reading_and_writing_in_a_charset_changes_no_bytes(content: bytes, charset: str) -> None:
    text = as_text(content)
    shown = decoded(text, charset)

    assert as_bytes(encoded_like(shown, shown, encoding_of(text, charset), charset)) == content


@pytest.mark.parametrize("encoding", ["punycode", "idna", "utf-7", "unicode_escape", "rot13", "cp037", "hex"])
def test_an_encoding_that_does_not_hold_ascii_as_it_is_is_none_of_a_source(encoding: str) -> None:
    assert encoding_of(as_text(f"# coding: {encoding}\n".encode() + b"\xe9-" + b"a" * 9)) is None
