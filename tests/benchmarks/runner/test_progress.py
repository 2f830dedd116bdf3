"""How far a benchmark is, on a terminal and in a pipe."""

import re
import time
from io import StringIO

import pytest

from benchmarks.runner.progress import SampleProgress


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


def counted(out: StringIO, monkeypatch: pytest.MonkeyPatch, *, no_color: str = "") -> str:
    """What is shown of two of four cases, each of which takes a minute."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    clock = iter(range(0, 10_000, 60))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    progress = SampleProgress(4, out=out)
    progress.start()
    progress.advance()
    progress.advance()
    progress.stop()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())


def test_a_terminal_gets_a_bar_with_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = counted(Screen(), monkeypatch)

    assert "2/4" in shown
    assert "/min" in shown


def test_a_terminal_with_no_color_gets_the_lines_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counted(Screen(), monkeypatch, no_color="1") == counted(StringIO(), monkeypatch)


def test_a_pipe_gets_a_line_with_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = counted(StringIO(), monkeypatch).splitlines()

    assert first.startswith("1/4  ")
    assert re.fullmatch(r"2/4  \d\.\d/min  \d+ min \d+ s left", second)
