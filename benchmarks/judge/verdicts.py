"""The result of every way of judging: a verdict, and whether the machine may be to blame."""

import signal
from dataclasses import dataclass

from benchmarks.verdict import Verdict
from coder.text.sanitize import printable
from sandbox import Result

_MAX_DETAIL = 500
_MAX_OUTPUT = 1000
"""Characters of a candidate's output that a report keeps: a hundred thousand of them have to fit."""
_OWN_PROCESSOR = 1.5
"""Wall time by CPU time of a sample that hardly ever waited for a processor, at most."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what has to be done before it is final."""

    verdict: Verdict
    incomplete: bool = False
    """The checker gave no verdict: who is to blame shows a solution that is known to be good."""
    died: bool = False
    """It didn't pass, and a process was killed for no known reason: check that its sandbox works."""


def killed_by_nobody(result: Result) -> bool:
    """Whether SIGKILL ended a process without a limit: it did so itself, or its sandbox died."""
    return result.signal == signal.SIGKILL and result.killed_by is None


def had_a_processor(verdict: Verdict, timeout_s: float) -> bool:
    """Whether a timeout is no fault of a busy machine: its CPU time was used up as fast as the clock went."""
    return timeout_s <= verdict.cpu_s and 0 < verdict.wall_s <= _OWN_PROCESSOR * verdict.cpu_s


def one_line(text: str) -> str:
    """A detail as reports show it."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_DETAIL else f"{line[: _MAX_DETAIL - 3]}..."


def end_of(result: Result) -> str:
    """The end of what a candidate printed, as reports show it."""
    text = printable("\n".join(part for part in (result.stdout, result.stderr) if part)).strip()
    return text if len(text) <= _MAX_OUTPUT else f"… {text[-_MAX_OUTPUT:]}"
