"""Intermediate result of judging one answer, common to all modes."""

import signal
from dataclasses import dataclass

from benchmarks.verdict import Outcome, Strength, Verdict
from coder.text.sanitize import one_line, printable
from sandbox import Result

MAX_DETAIL = 500
_MAX_OUTPUT = 1000
"""Characters of a candidate's output in a report, which may hold 100,000 of them."""


@dataclass(slots=True)
class Judged:
    """The fields of a verdict, and what must be done before it is final."""

    outcome: Outcome
    detail: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    output: str = ""
    base: Outcome | None = None
    stateful: bool = False
    tripped: frozenset[str] = frozenset()
    incomplete: bool = False
    """The checker gave no verdict: try a known good solution to find the cause."""
    died: bool = False
    """A process was killed for an unknown reason: check that its sandbox works."""

    def verdict(self, case: str, sample: int, strength: Strength) -> Verdict:
        """The verdict on a sample of a case."""
        return Verdict(
            id=case,
            sample=sample,
            verdict=self.outcome,
            strength=strength,
            detail=one_line(self.detail, width=MAX_DETAIL),
            output=self.output,
            base=self.base,
            stateful=self.stateful,
            tripped=tuple(sorted(map(printable, self.tripped))),
            cpu_s=round(self.cpu_s, 3),
            wall_s=round(self.wall_s, 3),
        )


def why_late(timeout_s: float) -> str:
    """The reason of a timeout."""
    return f"it took more than {timeout_s:g} s of CPU, or slept longer than it may"


def killed_by_nobody(result: Result) -> bool:
    """Whether SIGKILL ended a process without a limit: it killed itself, or its sandbox died."""
    return result.signal == signal.SIGKILL and result.killed_by is None


def end_of(result: Result) -> str:
    """The end of a candidate's output, for reports."""
    text = printable("\n".join(part for part in (result.stdout, result.stderr) if part)).strip()
    return text if len(text) <= _MAX_OUTPUT else f"… {text[-_MAX_OUTPUT:]}"
