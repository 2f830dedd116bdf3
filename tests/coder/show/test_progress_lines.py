"""Where there is no status line, a line says what runs, ten seconds after the last one."""

from collections.abc import Callable

import pytest

from coder.show.progress_lines import EVERY_S, ProgressLines
from coder.show.terminal import Terminal

DOING = "toy is writing (call 1)"


class Clock:
    """A clock that is set, and looks after each half of a second that it passes."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float, look: Callable[[], None]) -> None:
        for _ in range(int(seconds * 2)):
            self.now += 0.5
            look()


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_says_every_ten_seconds_what_runs_and_for_how_long(capsys: pytest.CaptureFixture[str]) -> None:
    terminal, clock = Terminal(), Clock()
    progress = ProgressLines(terminal, clock)
    terminal.doing = DOING

    clock.passes(35, progress.look)

    lines = printed(capsys)
    assert len(lines) == 3
    assert all(line.startswith(f"  … {DOING}  [") for line in lines)
    assert clock.now - 100.0 <= len(lines) * EVERY_S + EVERY_S


def test_a_line_that_was_printed_for_an_event_puts_the_next_one_off(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal, clock = Terminal(), Clock()
    progress = ProgressLines(terminal, clock)
    terminal.doing = DOING

    for _ in range(5):
        clock.passes(8, progress.look)
        terminal.print("  · bash ls")

    assert printed(capsys) == ["  · bash ls"] * 5


def test_nothing_is_printed_while_nothing_runs_or_a_question_is_open(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal, clock = Terminal(), Clock()
    progress = ProgressLines(terminal, clock)
    clock.passes(30, progress.look)

    terminal.doing = DOING
    with terminal.hold_output():
        clock.passes(30, progress.look)
    assert printed(capsys) == []


def test_a_new_step_counts_its_own_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    terminal, clock = Terminal(), Clock()
    progress = ProgressLines(terminal, clock)
    terminal.doing = DOING
    clock.passes(8, progress.look)

    terminal.doing = "confirming 3 tests apart from the code"
    clock.passes(2, progress.look)

    assert printed(capsys) == ["  … confirming 3 tests apart from the code  [2 s so far]"]
