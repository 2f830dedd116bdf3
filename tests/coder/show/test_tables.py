"""Tables on a terminal and in a pipe."""

import sys
from collections.abc import Sequence
from io import StringIO

import pytest

from coder.show.tables import Block, Column, TextTable, pairs, print_blocks

COLUMNS = (
    Column("run", is_whole=True),
    Column("cost", width=6, is_number=True),
    Column("task"),
    Column("unused"),
)
ROWS = [("run_1", "$0.10", "[bold]Add[/bold] :smile: " + 60 * "x", ""), ("run_22", "$12", "Mend", "")]
TABLE = TextTable(COLUMNS, ROWS)
FACTS = pairs([("samples", "passed 3"), ("digests", "suite 1234 " + 60 * "x")])


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def shown(out: StringIO, monkeypatch: pytest.MonkeyPatch, blocks: Sequence[Block] = (TABLE,)) -> list[str]:
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "50")
    print_blocks(blocks)
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


def test_a_long_value_takes_several_lines_of_a_terminal_below_its_own_column(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

    title, first, *long = shown(Screen(), monkeypatch, ["a title", FACTS])

    assert title == "a title"
    assert first.rstrip() == "  samples  passed 3"
    assert len(long) == 3
    assert all(line.startswith(11 * " ") for line in long[1:])
    assert "".join(line[11:].rstrip() for line in long[1:]) == 60 * "x"


@pytest.mark.parametrize("no_color", ["", "1"])
def test_a_narrow_terminal_leaves_out_the_columns_of_the_highest_rank_first(
    no_color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    columns = (Column("run", is_whole=True), Column("kind", rank=2), Column("folder", rank=1))
    ranked = TextTable((*columns, Column("task", min_width=20)), [("run_1", "K" * 12, "F" * 9, "T" * 60)])

    row = shown(Screen(), monkeypatch, [ranked])[-1]
    piped = shown(StringIO(), monkeypatch, [ranked])

    assert row.split()[:2] == ["run_1", "F" * 9]
    assert (row.count("K"), row.count("T") >= 20, len(row) <= 50) == (0, True, True)
    assert piped == [f"run_1  {'K' * 12}  {'F' * 9}  {'T' * 60}"]


@pytest.mark.parametrize(("out", "no_color"), [(StringIO(), ""), (Screen(), "1")])
def test_without_colours_a_long_value_is_whole_and_rows_have_the_form_of_their_table(
    out: StringIO, no_color: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    formed = TextTable(COLUMNS[:2], [("run_1", "$1")], plain=["run|cost", "run_1|$1"])

    lines = shown(out, monkeypatch, [FACTS, formed])

    assert lines == ["  samples  passed 3", f"  digests  {FACTS.rows[1][1]}", *(formed.plain or ())]
