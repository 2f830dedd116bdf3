"""Tables: drawn by rich for people, plain lines for pipes."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TextIO

from coder.show.styling import highlighted, is_styled, is_terminal, open_console, signed_line

if TYPE_CHECKING:
    from rich.padding import Padding
    from rich.text import Text


_GAP = 3
"""Characters between two columns of a drawn table."""
_SEPARATOR = "  "
"""Separator of columns in a pipe."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str = ""
    """The heading of a drawn table."""
    width: int = 0
    """Characters to which a cell is padded in a pipe."""
    is_number: bool = False
    """Whether cells are aligned to the right."""
    is_whole: bool = False
    """Whether cells are never shortened to fit a terminal, so that they can be copied."""
    wraps: bool = False
    """Whether a long cell wraps on a terminal."""
    min_width: int = 0
    """Characters to which a cell is shortened before columns are left out; 0: never shortened."""
    rank: int = 0
    """Columns of the highest rank are left out first on a narrow terminal; columns of rank 0 never."""


@dataclass(frozen=True, slots=True)
class TextTable:
    """Rows with a cell for each column, without control characters."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    indent: int = 0
    """Number of blanks before a row."""
    plain: Sequence[str] | None = None
    """Lines for a pipe; None: a line for each row, with padded cells."""

    @property
    def lines(self) -> Sequence[str]:
        """The lines for a pipe."""
        return [self._line(row) for row in self.rows] if self.plain is None else self.plain

    def fitted(self, width: int, *, filled: bool) -> "TextTable":
        """Return the table without the columns that don't fit on a terminal.

        Args:
            width: the width of the terminal in characters.
            filled: whether cells are padded, as in a pipe, and not shortened.
        """
        widths = {index: self._needed_width(index, filled=filled) for index in range(len(self.columns))}
        gap = len(_SEPARATOR) if filled else _GAP
        ranked = sorted(
            (index for index in widths if self.columns[index].rank),
            key=lambda index: self.columns[index].rank,
        )
        while (
            ranked
            and self.indent
            + sum(column_width + gap for column_width in widths.values() if column_width)
            - gap
            > width
        ):
            del widths[ranked.pop()]
        rows = [[row[index] for index in widths] for row in self.rows]
        return replace(self, columns=[self.columns[index] for index in widths], rows=rows)

    def _needed_width(self, index: int, *, filled: bool) -> int:
        """Return the characters that a column needs on a terminal; 0: the column is empty and isn't drawn."""
        from rich.cells import cell_len

        column, cells = (
            self.columns[index],
            max((cell_len(row[index].strip()) for row in self.rows), default=0),
        )
        if filled and column.width:
            return max(cells, column.width)
        cell_width = max(cells, len(column.name)) if cells else 0
        return min(cell_width, column.min_width or cell_width)

    def _line(self, row: Sequence[str]) -> str:
        cells = (
            cell.rjust(column.width) if column.is_number else cell.ljust(column.width)
            for column, cell in zip(self.columns, row, strict=True)
        )
        return " " * self.indent + _SEPARATOR.join(cells).rstrip()


@dataclass(frozen=True, slots=True)
class HighlightedText:
    """A text with a title, highlighted on a terminal."""

    title: str
    text: str
    format: str = ""
    """Format for `highlighted`; empty: without colours."""

    @property
    def lines(self) -> Sequence[str]:
        """The lines for a pipe."""
        return [f"  {self.title}", *(f"    {line}" for line in self.text.splitlines())]


Block = str | TextTable | HighlightedText
"""A part of a command's output: a line, a table, or a text."""


def pairs(rows: Sequence[Sequence[str]], *, indent: int = 2, width: int = 0) -> TextTable:
    """Return a table of names and values; names are padded to the longest one, or to `width`."""
    width = width or max((len(name) for name, _ in rows), default=0)
    return TextTable((Column(width=width, is_whole=True), Column(wraps=True)), rows, indent)


def plain_lines(blocks: Iterable[Block]) -> list[str]:
    """Return the lines for a pipe."""
    return [line for block in blocks for line in ([block] if isinstance(block, str) else block.lines)]


def print_blocks(blocks: Iterable[Block], stream: TextIO | None = None) -> None:
    """Print lines and tables, by default on stdout."""
    stream = stream or sys.stdout
    previous: Block = ""
    for block in blocks:
        if not is_styled(stream):
            for line in _plain_block(block, stream):
                print(line, file=stream)
        elif isinstance(block, str):
            open_console(stream).print(signed_line(block), soft_wrap=True)
        elif isinstance(block, HighlightedText):
            open_console(stream).print(_draw_text(block), soft_wrap=True)
        elif block.rows:
            console = open_console(stream)
            console.print(
                draw_table(
                    block.fitted(console.width, filled=False), is_below=isinstance(previous, TextTable)
                )
            )
        previous = block
    stream.flush()


def _plain_block(block: Block, stream: TextIO) -> Sequence[str]:
    """Return plain lines; on a terminal, rows are fitted to its width and truncated."""
    if (
        not is_terminal(stream)
        or not isinstance(block, TextTable)
        or any(column.wraps for column in block.columns)
    ):
        return plain_lines([block])
    from rich.text import Text

    width = open_console(stream).width
    texts = [Text(line) for line in block.fitted(width, filled=True).lines]
    for text in texts:
        text.truncate(width, overflow="ellipsis")
    return [text.plain for text in texts]


def _draw_text(source: HighlightedText) -> "Text":
    from rich.text import Text

    text = "\n".join(source.text.splitlines())
    lines = (highlighted(text, source.format) if source.format else Text(text)).split()
    indented = (Text("    ").append_text(line) for line in lines)
    return Text("\n").join([Text(f"  {source.title}", "bold"), *indented])


def draw_table(table: TextTable, *, is_below: bool = False) -> "Padding":
    """Return the table as rich draws it, with a line above if another one is there."""
    from rich import box
    from rich.padding import Padding
    from rich.table import Table as Drawn

    rich_table = Drawn(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="bold")
    if not any(column.name for column in table.columns):
        rich_table.box, rich_table.show_header, rich_table.padding = None, False, (0, 2, 0, 0)
    used_columns = [
        index for index in range(len(table.columns)) if any(row[index].strip() for row in table.rows)
    ]
    for column in (table.columns[index] for index in used_columns):
        justify: Literal["left", "right"] = "right" if column.is_number else "left"
        rich_table.add_column(column.name, justify=justify, no_wrap=column.is_whole)
    for row in table.rows:
        rich_table.add_row(*(_cell(row[index], wraps=table.columns[index].wraps) for index in used_columns))
    return Padding(rich_table, (int(is_below), 0, 0, table.indent))


def _cell(text: str, *, wraps: bool) -> "Text":
    cell = signed_line(text.strip())
    cell.no_wrap, cell.overflow = not wraps, "fold" if wraps else "ellipsis"
    return cell
