"""MarkdownStream: splits a Markdown text that arrives in pieces into blocks, for rich."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.padding import Padding

_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})(?P<info>[^\n]*)")


class MarkdownStream:
    """Splitter of a Markdown text: `feed` returns complete blocks, `end` the remaining text.

    A blank line outside of a fence ends a block.
    """

    def __init__(self) -> None:
        self._line = ""
        """The unfinished line."""
        self._block = ""
        self._fence: str | None = None
        """Marks of the open fence."""

    def feed(self, piece: str) -> str:
        """Return the blocks that end in this piece."""
        complete = ""
        *lines, self._line = (self._line + piece).split("\n")
        for line in lines:
            self._block += f"{line}\n"
            self._note_fence(line)
            if self._fence is None and not line.strip():
                complete += self._block
                self._block = ""
        return complete

    def end(self) -> str:
        """Return the text after the last complete block; begin a new text."""
        remaining = self._block + self._line
        self._line, self._block, self._fence = "", "", None
        return remaining

    def _note_fence(self, line: str) -> None:
        if (fence := _FENCE.match(line)) is None:
            return
        if self._fence is None:
            self._fence = fence["marks"]
        elif fence["marks"].startswith(self._fence) and not fence["info"].strip():
            self._fence = None


def markdown_of(text: str, *, is_below: bool = False) -> "Padding":
    """Return a text as Markdown: HTML is shown as text, and links with their addresses.

    Args:
        is_below: whether to add a blank line above.
    """
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown
    from rich.padding import Padding

    markdown = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
    # rich would drop text that looks like HTML, such as a type's name in <angle brackets>.
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")
    markdown.parsed = parser.parse(text)
    return Padding(markdown, (int(is_below), 0, 0, 0))
