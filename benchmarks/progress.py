"""How far a benchmark is, on stderr: a line that moves on a terminal, now and then a line elsewhere."""

import sys
import time
from typing import TextIO

_MOVING_S, _STANDING_S = 0.2, 30.0


class Progress:
    """Counts samples; says how many, how fast, what it cost, and how long it will take."""

    def __init__(self, total: int, *, quiet: bool = False, out: TextIO | None = None) -> None:
        self._total, self._quiet, self._out = total, quiet, out or sys.stderr
        self._moves = self._out.isatty()
        self._began = self._shown = time.monotonic()
        self._every_s = _MOVING_S if self._moves else _STANDING_S
        self._width = 0
        self.done = 0
        self.passed = 0
        self.cost_usd = 0.0

    def count(self, *, passed: bool, cost_usd: float = 0.0) -> None:
        """One more sample is done."""
        self.done += 1
        self.passed += passed
        self.cost_usd += cost_usd
        now = time.monotonic()
        if now - self._shown >= self._every_s:
            self._shown = now
            self._show(now)

    @property
    def rate(self) -> float:
        """Samples per second so far."""
        return self.done / max(time.monotonic() - self._began, 1e-9)

    def end(self) -> None:
        """Leave the line, and say how fast it was."""
        if self._quiet:
            return
        if self._moves and self._width:
            self._out.write("\r" + " " * self._width + "\r")
        seconds = time.monotonic() - self._began
        self._out.write(f"{self.done:,} samples in {_time(seconds)}, {self.rate:.1f} samples/s\n")
        self._out.flush()

    def _show(self, now: float) -> None:
        if self._quiet:
            return
        line = f"{self.done}/{self._total}  passed {self.passed}  {self.rate:.1f}/s"
        if self.cost_usd:
            line += f"  ${self.cost_usd:.2f}"
        line += f"  {_time((self._total - self.done) / max(self.rate, 1e-9))} left"
        if self._moves:
            self._out.write("\r" + line.ljust(self._width))
            self._width = len(line)
        else:
            self._out.write(line + "\n")
        self._out.flush()


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
