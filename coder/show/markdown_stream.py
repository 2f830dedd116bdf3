"""MarkdownStream: a text in Markdown that comes in pieces, block by block, as rich draws it."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.padding import Padding

_FENCE = re.compile(r" {0,3}(?P<marks>`{3,}|~{3,})(?P<info>[^\n]*)")


class MarkdownStream:
    """`feed` gives complete blocks, `end` the rest. A block ends at a blank line outside of a fence."""

    def __init__(self) -> None:
        self._line = ""
        """The line that has begun."""
        self._block = ""
        self._fence: str | None = None
        """Marks of the fence that is open."""

    def feed(self, piece: str) -> str:
        """The blocks that end in this piece."""
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
        """What came behind the last complete block; begins a new text."""
        rest = self._block + self._line
        self._line, self._block, self._fence = "", "", None
        return rest

    def _note_fence(self, line: str) -> None:
        if (fence := _FENCE.match(line)) is None:
            return
        if self._fence is None:
            self._fence = fence["marks"]
        elif fence["marks"].startswith(self._fence) and not fence["info"].strip():
            self._fence = None


def markdown_of(text: str, *, is_below: bool = False) -> "Padding":
    """A text as Markdown: HTML in it is text, and an address of a link is shown.

    Args:
        is_below: a blank line parts it from what stands above.
    """
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown
    from rich.padding import Padding

    markdown = Markdown(text, code_theme="ansi_dark", hyperlinks=False)
    # rich would drop what looks like HTML, such as the name of a type in <angle brackets>.
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough").enable("table")
    markdown.parsed = parser.parse(text)
    return Padding(markdown, (int(is_below), 0, 0, 0))
