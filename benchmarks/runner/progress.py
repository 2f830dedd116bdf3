"""How far a benchmark is, on stderr: a line that moves on a terminal, now and then a line elsewhere."""

import sys
import time
from typing import TextIO

from benchmarks.runner.runlog import BenchJudged, RunLog
from coder.text.sanitize import count_of

_MOVING_S, _STANDING_S = 0.2, 30.0


class Progress:
    """Counts samples; says how many, how fast, what it cost, and how long it will take."""

    def __init__(self, total: int, *, quiet: bool = False, out: TextIO | None = None) -> None:
        self._total, self._quiet, self._out = total, quiet, out or sys.stderr
        self._moves = self._out.isatty()
        self._began = self._shown = time.monotonic()
        self._every_s = _MOVING_S if self._moves else _STANDING_S
        self._width = 0
        self._earlier = 0
        self.done = 0
        self.passed = 0
        self.cost_usd = 0.0

    def begin(self, log: RunLog) -> None:
        """Say which run it is, so that it can be gone on with; what the log has already counts as done."""
        self._earlier = self.done = len(log.verdicts)
        self.passed = sum(one.verdict == "passed" for one in log.verdicts)
        self.cost_usd = sum(one.cost_usd or 0.0 for one in log.usage)
        self._began = self._shown = time.monotonic()
        by = f" by {log.started.model}" if log.started is not None and log.started.model else ""
        before = f", {self.done:,} of them done before" if self.done else ""
        self._say(f"{log.run}: {count_of(self._total, 'sample')}{by}{before}\n")

    def count(self, judged: BenchJudged) -> None:
        """One more sample is done."""
        self.done += 1
        self.passed += judged.verdict.verdict == "passed"
        if judged.usage is not None:
            self.cost_usd += judged.usage.cost_usd or 0.0
        now = time.monotonic()
        if now - self._shown >= self._every_s:
            self._shown = now
            self._show()

    @property
    def rate(self) -> float:
        """Samples per second since it began this time."""
        return (self.done - self._earlier) / max(time.monotonic() - self._began, 1e-9)

    def end(self) -> None:
        """Leave the line, and say how fast it was."""
        if self._moves and self._width:
            self._say("\r" + " " * self._width + "\r")
        seconds = time.monotonic() - self._began
        done = count_of(self.done - self._earlier, "sample")
        self._say(f"{done} in {_time(seconds)}, {_per_time(self.rate)}\n")

    def _show(self) -> None:
        line = f"{self.done:,}/{self._total:,}  passed {self.passed:,}  {_per_time(self.rate)}"
        if self.cost_usd:
            line += f"  ${self.cost_usd:.2f}"
        line += f"  {_time((self._total - self.done) / max(self.rate, 1e-9))} left"
        if self._moves:
            self._say("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._say(line + "\n")

    def _say(self, text: str) -> None:
        if not self._quiet:
            self._out.write(text)
            self._out.flush()


def _per_time(rate: float) -> str:
    return f"{rate:.1f}/s" if rate >= 1 else f"{60 * rate:.1f}/min"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
