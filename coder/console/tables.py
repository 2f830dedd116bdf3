"""Tables: drawn by rich for people, lines with aligned cells in a pipe."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from coder.console.styling import is_styled, is_terminal, open_console


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    """The heading, for people alone."""
    width: int = 0
    """Characters to which a cell is filled up in a pipe."""
    is_number: bool = False
    """Cells stand at the right."""
    is_whole: bool = False
    """A cell is never shortened to fit into a terminal, as it is to be copied."""


def print_table(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> None:
    """Print a table on stdout; a row has a cell for each column, harmless for a terminal."""
    if is_styled(sys.stdout):
        _draw_table(columns, list(rows))
        return
    for row in rows:
        print(_fitting(plain_line(columns, row)), flush=True)


def _fitting(line: str) -> str:
    """The line, cut where a terminal without colours would wrap it."""
    if not is_terminal(sys.stdout):
        return line
    from rich.text import Text

    text = Text(line)
    text.truncate(open_console(sys.stdout).width, overflow="ellipsis")
    return text.plain


def plain_line(columns: Sequence[Column], row: Sequence[str]) -> str:
    """A row as a line of aligned cells."""
    cells = (
        cell.rjust(column.width) if column.is_number else cell.ljust(column.width)
        for column, cell in zip(columns, row, strict=True)
    )
    return "  ".join(cells).rstrip()


def _draw_table(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    used = [any(row[at].strip() for row in rows) for at in range(len(columns))]
    for column, is_used in zip(columns, used, strict=True):
        if is_used:
            justify: Literal["left", "right"] = "right" if column.is_number else "left"
            table.add_column(column.name, justify=justify, no_wrap=column.is_whole)
    for row in rows:
        cells = [cell for cell, is_used in zip(row, used, strict=True) if is_used]
        table.add_row(*(Text(cell.strip(), no_wrap=True, overflow="ellipsis") for cell in cells))
    open_console(sys.stdout).print(table)
