"""Markdown of a model, block by block."""

from io import StringIO

import pytest
from rich.console import Console

from coder.show.markdown_stream import MarkdownStream, markdown_of

TEXT = "# Head\n\nTwo\nlines.\n\n```py\na = 1\n\nb = 2\n```\n\n- one\n- two"


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_blocks_come_whole_and_a_blank_line_in_a_fence_ends_none(size: int) -> None:
    stream = MarkdownStream()

    blocks = [stream.feed(TEXT[at : at + size]) for at in range(0, len(TEXT), size)]
    rest = stream.end()

    assert "".join(blocks) + rest == TEXT
    assert rest == "- one\n- two"
    assert any(block.rstrip().endswith("```") and "a = 1\n\nb = 2" in block for block in blocks)


@pytest.mark.parametrize("text", ["List<int> of <b>x</b>", "<div>\nkept\n</div>", "[red]kept[/red] :smile:"])
def test_no_text_is_taken_for_html_or_markup(text: str) -> None:
    out = StringIO()

    Console(file=out, markup=False, emoji=False).print(markdown_of(text))

    assert "".join(out.getvalue().split()) == "".join(text.split())


def test_the_address_of_a_link_is_shown() -> None:
    out = StringIO()

    Console(file=out).print(markdown_of("[docs](https://example.org/x)"))

    assert out.getvalue().strip() == "docs (https://example.org/x)"
