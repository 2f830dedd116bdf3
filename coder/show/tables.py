"""Tables: drawn by rich for people, lines in a pipe."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TextIO

from coder.show.styling import highlighted, is_styled, is_terminal, open_console, signed_line

if TYPE_CHECKING:
    from rich.padding import Padding
    from rich.text import Text


_GAP = 3
"""Characters between two columns that are drawn."""
_BETWEEN = "  "
"""Between two columns in a pipe."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str = ""
    """The heading, for people."""
    width: int = 0
    """Characters to which a cell is filled up in a pipe."""
    is_number: bool = False
    """Cells stand at the right."""
    is_whole: bool = False
    """A cell is never shortened to fit into a terminal, as it is to be copied."""
    wraps: bool = False
    """A long cell takes several lines of a terminal."""
    least: int = 0
    """Characters to which a narrow terminal shortens a cell before it leaves out columns; 0: all of them."""
    rank: int = 0
    """Columns of the highest rank are left out first where a terminal is too narrow; 0: never."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows with a cell for each column, harmless for a terminal."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    indent: int = 0
    """Blanks before a row."""
    plain: Sequence[str] | None = None
    """The lines of a pipe; None: a line for each row, its cells filled up."""

    @property
    def lines(self) -> Sequence[str]:
        """What a pipe gets."""
        return [self._line(row) for row in self.rows] if self.plain is None else self.plain

    def fitted(self, width: int, *, filled: bool) -> "TextTable":
        """The table without the columns for which a terminal has no room.

        Args:
            width: of the terminal, in characters.
            filled: cells are filled up, as in a pipe, and not shortened.
        """
        least = {at: self._least(at, filled=filled) for at in range(len(self.columns))}
        gap = len(_BETWEEN) if filled else _GAP
        ranked = sorted((at for at in least if self.columns[at].rank), key=lambda at: self.columns[at].rank)
        while ranked and self.indent + sum(one + gap for one in least.values() if one) - gap > width:
            del least[ranked.pop()]
        rows = [[row[at] for at in least] for row in self.rows]
        return replace(self, columns=[self.columns[at] for at in least], rows=rows)

    def _least(self, at: int, *, filled: bool) -> int:
        """Characters that a column needs on a terminal; 0: it is empty, and none is drawn."""
        from rich.cells import cell_len

        column, cells = self.columns[at], max((cell_len(row[at].strip()) for row in self.rows), default=0)
        if filled and column.width:
            return max(cells, column.width)
        needed = max(cells, len(column.name)) if cells else 0
        return min(needed, column.least or needed)

    def _line(self, row: Sequence[str]) -> str:
        cells = (
            cell.rjust(column.width) if column.is_number else cell.ljust(column.width)
            for column, cell in zip(self.columns, row, strict=True)
        )
        return " " * self.indent + _BETWEEN.join(cells).rstrip()


@dataclass(frozen=True, slots=True)
class HighlightedText:
    """A text with a title, highlighted on a terminal."""

    title: str
    text: str
    format: str = ""
    """As `highlighted` takes it; empty: without colours."""

    @property
    def lines(self) -> Sequence[str]:
        """What a pipe gets."""
        return [f"  {self.title}", *(f"    {line}" for line in self.text.splitlines())]


Block = str | TextTable | HighlightedText
"""A part of what a command prints: a line, a table, or a text."""


def pairs(rows: Sequence[Sequence[str]], *, indent: int = 2, width: int = 0) -> TextTable:
    """Names and their values; names are filled up to the longest one, or to `width`."""
    width = width or max((len(name) for name, _ in rows), default=0)
    return TextTable((Column(width=width, is_whole=True), Column(wraps=True)), rows, indent)


def plain_lines(blocks: Iterable[Block]) -> list[str]:
    """What a pipe gets."""
    return [line for block in blocks for line in ([block] if isinstance(block, str) else block.lines)]


def print_blocks(blocks: Iterable[Block], stream: TextIO | None = None) -> None:
    """Print lines and tables, by default on stdout."""
    stream = stream or sys.stdout
    above: Block = ""
    for block in blocks:
        if not is_styled(stream):
            for line in _plain(block, stream):
                print(line, file=stream)
        elif isinstance(block, str):
            open_console(stream).print(signed_line(block), soft_wrap=True)
        elif isinstance(block, HighlightedText):
            open_console(stream).print(_coloured(block), soft_wrap=True)
        elif block.rows:
            console = open_console(stream)
            console.print(
                _drawn(block.fitted(console.width, filled=False), is_below=isinstance(above, TextTable))
            )
        above = block
    stream.flush()


def _plain(block: Block, stream: TextIO) -> Sequence[str]:
    """Plain lines; on a terminal, rows are fitted to its width and truncated."""
    if not is_terminal(stream) or not isinstance(block, TextTable) or any(one.wraps for one in block.columns):
        return plain_lines([block])
    from rich.text import Text

    width = open_console(stream).width
    texts = [Text(line) for line in block.fitted(width, filled=True).lines]
    for text in texts:
        text.truncate(width, overflow="ellipsis")
    return [text.plain for text in texts]


def _coloured(source: HighlightedText) -> "Text":
    from rich.text import Text

    text = "\n".join(source.text.splitlines())
    lines = (highlighted(text, source.format) if source.format else Text(text)).split()
    indented = (Text("    ").append_text(line) for line in lines)
    return Text("\n").join([Text(f"  {source.title}", "bold"), *indented])


def _drawn(table: TextTable, *, is_below: bool) -> "Padding":
    from rich import box
    from rich.padding import Padding
    from rich.table import Table as Drawn

    drawn = Drawn(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    if not any(column.name for column in table.columns):
        drawn.box, drawn.show_header, drawn.padding = None, False, (0, 2, 0, 0)
    used = [at for at in range(len(table.columns)) if any(row[at].strip() for row in table.rows)]
    for column in (table.columns[at] for at in used):
        justify: Literal["left", "right"] = "right" if column.is_number else "left"
        drawn.add_column(column.name, justify=justify, no_wrap=column.is_whole)
    for row in table.rows:
        drawn.add_row(*(_cell(row[at], wraps=table.columns[at].wraps) for at in used))
    return Padding(drawn, (int(is_below), 0, 0, table.indent))


def _cell(text: str, *, wraps: bool) -> "Text":
    cell = signed_line(text.strip())
    cell.no_wrap, cell.overflow = not wraps, "fold" if wraps else "ellipsis"
    return cell
