"""Tables on a terminal and in a pipe."""

import sys
from collections.abc import Sequence
from io import StringIO

import pytest

from coder.console.tables import Column, print_table

COLUMNS = (
    Column("run", is_whole=True),
    Column("cost", width=6, is_number=True),
    Column("task"),
    Column("unused"),
)
ROWS = [("run_1", "$0.10", "[bold]Add[/bold] :smile: " + 60 * "x", ""), ("run_22", "$12", "Mend", "")]


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: StringIO, monkeypatch: pytest.MonkeyPatch, rows: Sequence[Sequence[str]] = ROWS) -> list[str]:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")
    print_table(COLUMNS, rows)
    return out.getvalue().splitlines()


def test_a_pipe_gets_one_line_of_aligned_cells_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(StringIO(), monkeypatch)

    assert lines == [f"run_1   $0.10  {ROWS[0][2]}", "run_22     $12  Mend"]


def test_a_terminal_gets_headings_and_long_cells_are_shortened_and_no_markup_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    head, rule, first, second = shown(Screen(), monkeypatch)

    assert ("run" in head, "unused" in head, set(rule)) == (True, False, {"─"})
    assert first.startswith("run_1    $0.10   [bold]Add[/bold] :smile: xx")
    assert first.rstrip().endswith("…")
    assert len(first) <= 50
    assert second.split() == ["run_22", "$12", "Mend"]


def test_no_color_gets_the_lines_of_a_pipe_cut_to_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    first, second = shown(Screen(), monkeypatch)
    piped, other = shown(StringIO(), monkeypatch)

    assert first == f"{piped[:49]}…"
    assert second == other
