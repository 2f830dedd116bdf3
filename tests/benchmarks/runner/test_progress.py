"""How far a benchmark is, on a terminal and in a pipe."""

import re
import time
from collections.abc import Sequence
from io import StringIO

import pytest

from benchmarks.executors.executor import NodeTally
from benchmarks.runner.node_rates import NodeRates
from benchmarks.runner.progress import SampleProgress


class Screen(StringIO):
    def isatty(self) -> bool:
        return True


TALLIES = (
    NodeTally(name="http://a:1", done=1),
    NodeTally(name="http://b:1", done=1200, lost=2, retried=16, is_gone=True),
)


def counted(
    out: StringIO, monkeypatch: pytest.MonkeyPatch, *, no_color: str = "", nodes: Sequence[NodeTally] = ()
) -> str:
    """What is shown of two of four cases, each of which takes a minute."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", no_color)
    clock = iter(range(0, 10_000_000, 60))
    monkeypatch.setattr(time, "monotonic", lambda: float(next(clock)))
    progress = SampleProgress(4, out=out)
    progress.start()
    progress.show_nodes(lambda: nodes)
    progress.advance()
    progress.advance()
    progress.stop()
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue())


def test_a_terminal_gets_a_bar_with_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    output = counted(Screen(), monkeypatch)

    assert "2/4" in output
    assert "/min" in output


def test_a_terminal_with_no_color_gets_the_lines_of_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert counted(Screen(), monkeypatch, no_color="1") == counted(StringIO(), monkeypatch)


@pytest.mark.parametrize("out", [Screen(), StringIO()])
def test_a_note_is_a_line_of_its_own_also_above_a_bar(out: StringIO) -> None:
    progress = SampleProgress(4, out=out)
    progress.start()
    progress.note("The endpoint asks to wait [b]60 s")
    progress.stop()

    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out.getvalue()).splitlines()
    assert "The endpoint asks to wait [b]60 s" in [line.strip() for line in lines]


def test_a_pipe_gets_a_line_with_rate_and_remaining_time(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = counted(StringIO(), monkeypatch).splitlines()

    assert first.startswith("1/4  ")
    assert re.fullmatch(r"2/4  \d\.\d/min  \d+ min \d+ s left", second)


def test_a_terminal_gets_a_row_for_each_of_several_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    output = counted(Screen(), monkeypatch, nodes=TALLIES)

    assert re.search(r"node +done +rate +lost +retried", output)
    assert re.search(r"http://a:1 +1 +0.0/s +0 +0", output)
    assert re.search(r"http://b:1 \(gone\) +1,200 +0.0/s +2 +16", output)


def test_a_pipe_gets_a_line_for_the_nodes_below_each_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = counted(StringIO(), monkeypatch, nodes=TALLIES).splitlines()

    assert [line[:4] for line in lines] == ["1/4 ", "  ht", "2/4 ", "  ht"]
    assert lines[3] == "  http://a:1 1 (0.0/s)  http://b:1 1,200 (0.0/s, lost 2, retried 16, gone)"


def test_one_node_has_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "http://a:1" not in counted(Screen(), monkeypatch, nodes=TALLIES[:1])


def test_the_rate_of_a_node_is_that_of_the_last_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    tally = NodeTally(name="a")
    nodes = NodeRates(lambda: [tally])

    rates = []
    for second in range(60):
        now[0] = float(second)
        tally = NodeTally(name="a", done=min(10 * second, 200))  # 10 a second, and none after 20 s
        rates.append(nodes.rates()[0])

    assert rates[10] == pytest.approx(10)
    assert rates[59] == 0
