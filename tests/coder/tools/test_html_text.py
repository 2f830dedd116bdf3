"""HTML becomes text in a process of its own."""

from pathlib import Path

import pytest

from coder.tools import html_text as module
from coder.tools.html_text import html_text
from tests.moved_python import FOLDERS, moved_python


async def test_a_page_becomes_markdown_without_what_is_no_text() -> None:
    html = b"""<html><head><title>Title</title><style>p {}</style></head><body><h2>Part</h2>
    <p>See <a href="/there">there</a>.</p><script>alert(1)</script><ul><li>one</li><li>two</li></ul>
    <pre>a
      b</pre></body></html>"""

    text = await html_text(html, charset=None)

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
    ],
)
async def test_the_encoding_is_what_the_server_or_the_page_says(html: bytes, charset: str | None) -> None:
    assert "grün" in await html_text(html, charset=charset)


@pytest.mark.slow
async def test_a_page_nested_too_deeply_is_refused() -> None:
    with pytest.raises(ValueError, match="can't be turned to text"):
        await html_text(b"<div>" * 50_000, charset=None)


async def test_a_page_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WALL_S", 0.01)

    with pytest.raises(ValueError, match="too much time"):
        await html_text(b"<p>x</p>" * 100_000, charset=None)


@pytest.mark.slow
async def test_text_beyond_the_bound_is_left_out() -> None:
    assert await html_text(b"<p>" + b"a" * 500, charset=None, most=100) == "a" * 100


@pytest.mark.slow
async def test_broken_html_and_other_bytes_give_some_text() -> None:
    assert await html_text(b"\0\xff<<p<a href=><b>bold</i><![CDATA[ <!-- ", charset=None) != ""


@pytest.mark.slow
async def test_a_python_that_was_moved_turns_pages_to_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", FOLDERS)
    monkeypatch.setattr("sys.executable", moved_python(tmp_path))

    assert await html_text(b"<p>text</p>", charset=None) == "text"
