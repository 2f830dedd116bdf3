"""What every way of judging gives: a verdict, and whether somebody else may be to blame for it."""

from dataclasses import dataclass

from benchmarks.verdict import Verdict

_MAX_DETAIL = 500


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict, and what has to be done before it is final."""

    verdict: Verdict
    incomplete: bool = False
    """The checker gave no verdict: who is to blame shows a solution that is known to be good."""


def one_line(text: str) -> str:
    """A detail as reports show it."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_DETAIL else f"{line[: _MAX_DETAIL - 3]}..."
