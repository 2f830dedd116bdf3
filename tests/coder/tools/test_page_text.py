"""A page becomes text in a process of its own."""

from pathlib import Path

import pytest

from coder.tools import page_text as module
from coder.tools.page_text import page_text
from tests.moved_python import FOLDERS, moved_python


async def test_a_page_becomes_markdown_without_what_is_no_text() -> None:
    html = b"""<html><head><title>Title</title><style>p {}</style></head><body><h2>Part</h2>
    <p>See <a href="/there">there</a>.</p><script>alert(1)</script><ul><li>one</li><li>two</li></ul>
    <pre>a
      b</pre></body></html>"""

    text = await page_text(html, charset=None, is_html=True)

    assert text.splitlines()[:3] == ["# Title", "", "## Part"]
    assert "[there](/there)" in text
    assert "* one\n" in text
    assert "a\n      b" in text
    assert "alert" not in text
    assert "p {}" not in text


@pytest.mark.slow
@pytest.mark.parametrize(
    ("html", "charset"),
    [
        ("<p>grün</p>".encode("latin-1"), "latin-1"),
        ("<p>grün</p>".encode(), None),
        (b'<meta charset="latin-1">' + "<p>grün</p>".encode("latin-1"), None),
        (b"<p>gr\xc3\xbcn</p>", "no-such-charset"),
        (b"<p>gr\xc3\xbcn</p>", "punycode"),
    ],
)
async def test_the_encoding_is_what_the_server_or_the_page_says(html: bytes, charset: str | None) -> None:
    assert "grün" in await page_text(html, charset=charset, is_html=True)


@pytest.mark.slow
async def test_a_page_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be turned to text"):
        await page_text(b"<div>" * 50_000, charset=None, is_html=True)


async def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WALL_S", 0.01)

    with pytest.raises(ValueError, match="too much time"):
        await page_text(b"<p>x</p>" * 100_000, charset=None, is_html=True)


@pytest.mark.slow
async def test_text_beyond_the_bound_is_left_out() -> None:
    assert await page_text(b"<p>" + b"a" * 500, charset=None, is_html=True, most=100) == "a" * 100


@pytest.mark.slow
async def test_broken_html_and_other_bytes_give_some_text() -> None:
    assert await page_text(b"\0\xff<<p<a href=><b>bold</i><![CDATA[ <!-- ", charset=None, is_html=True) != ""


@pytest.mark.slow
async def test_a_python_that_was_moved_turns_pages_to_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", FOLDERS)
    monkeypatch.setattr("sys.executable", moved_python(tmp_path))

    assert await page_text(b"<p>text</p>", charset=None, is_html=True) == "text"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "charset", "expected"),
    [
        ("grün".encode("latin-1"), "latin1", "grün"),
        ("日本".encode("shift_jis"), "x-sjis", "日本"),
        ("“€”".encode("cp1252"), "ascii", "“€”"),
        ("grün".encode("utf-16"), "utf-16", "grün"),
        (b"gr\xc3\xbcn-" + b"a" * 50_000, "punycode", "grün-" + "a" * 50_000),
        (b"\\x41", "unicode_escape", "\\x41"),
        (b"uryyb", "rot13", "uryyb"),
    ],
)
async def test_text_is_read_in_the_encodings_of_the_web_alone(
    content: bytes, charset: str, expected: str
) -> None:
    assert await page_text(content, charset=charset, is_html=False) == expected
