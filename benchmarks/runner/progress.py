"""Show a benchmark's progress on stderr: a bar on a terminal, occasional lines elsewhere."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from benchmarks.executors.executor import NodeTally
from benchmarks.runner.node_rates import NodeRates
from benchmarks.runner.runlog import RunLog
from coder.base.text.sanitize import count_of, printable
from coder.show.styling import is_styled, progress_bar
from coder.show.tables import draw_table

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_BAR_INTERVAL_S, _LINE_INTERVAL_S = 0.2, 30.0


class SampleProgress:
    """Counts samples or cases, and shows number, rate, cost and remaining time."""

    def __init__(self, total: int, *, quiet: bool = False, out: TextIO | None = None) -> None:
        self._total, self._quiet, self._out = total, quiet, out or sys.stderr
        self._began = self._last_shown = time.monotonic()
        self._done_before = self.done = 0
        self._bar: Bar | None = None
        """Progress bar on a terminal; None elsewhere."""
        self._nodes: NodeRates | None = None

    def begin(self, log: RunLog) -> None:
        """Print the run's id, which a resume needs; samples in the log count as done."""
        self._done_before = self.done = log.judged
        self._began = self._last_shown = time.monotonic()
        model_text = f" by {log.started.model}" if log.started is not None and log.started.model else ""
        done_text = f", {self.done:,} of them done before" if self.done else ""
        self._write(f"{log.run}: {count_of(self._total, 'sample')}{model_text}{done_text}\n")
        self.start()

    def start(self) -> None:
        """Show the bar on a terminal."""
        if is_styled(self._out) and not self._quiet:
            nodes = self._nodes
            below = (lambda: draw_table(nodes.table())) if nodes is not None else None
            # A lost node has to be seen while no sample ends.
            self._bar = progress_bar(
                self._out, "", total=self._total, done=self.done, ticks=nodes is not None, below=below
            )
            self._bar.start()

    def show_nodes(self, tallies: Callable[[], Sequence[NodeTally]]) -> None:
        """Show the state of each node, if there are several: rows below the bar, or a part of each line."""
        if len(tallies()) < 2:
            return
        self._nodes = NodeRates(tallies)
        if self._bar is not None:
            self.stop()
            self.start()

    def count(self, log: RunLog) -> None:
        """Count another sample, which is in the log."""
        self.advance(f"passed {log.passed:,}  ", f"  ${log.cost_usd:.2f}" if log.cost_usd else "")

    def advance(self, before: str = "", after: str = "") -> None:
        """Count another step.

        Args:
            before: text before the rate.
            after: text after the rate.
        """
        self.done += 1
        now = time.monotonic()
        if now - self._last_shown < (_BAR_INTERVAL_S if self._bar is not None else _LINE_INTERVAL_S):
            return
        self._last_shown = now
        facts = f"{before}{_speed(self.rate)}{after}"
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, description=facts, refresh=True)
            return
        time_left = _time((self._total - self.done) / max(self.rate, 1e-9))
        self._write(f"{self.done:,}/{self._total:,}  {facts}  {time_left} left\n")
        if self._nodes is not None:
            self._write(f"  {self._nodes.line()}\n")

    def note(self, text: str) -> None:
        """Show a line; a bar stays below it."""
        if self._bar is not None:
            self._bar.console.print(printable(text), markup=False, highlight=False)
        else:
            self._write(f"{printable(text)}\n")

    @property
    def rate(self) -> float:
        """Samples per second since this start."""
        return (self.done - self._done_before) / max(time.monotonic() - self._began, 1e-9)

    def end(self) -> None:
        """Stop, and print the number of samples, the time and the rate."""
        self.stop()
        done = count_of(self.done - self._done_before, "sample")
        self._write(f"{done} in {_time(time.monotonic() - self._began)}, {_speed(self.rate)}\n")

    def stop(self) -> None:
        """Remove the bar, if there is one."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _write(self, text: str) -> None:
        if not self._quiet:
            self._out.write(text)
            self._out.flush()


def _speed(rate: float) -> str:
    return f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"


def _time(seconds: float) -> str:
    minutes, remainder = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {remainder} s"
        if minutes
        else f"{remainder} s"
    )
