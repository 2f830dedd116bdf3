"""Weigh a pass by what its tests showed: lines that ran, and comparisons that other values turn.

What the case's own answer shows is the measure: where a test is one-sided by nature, or leaves lines to
chance, nothing more is asked of an answer. Both are recorded in the checker's process, where no candidate is.
"""

from collections.abc import Sequence

from benchmarks.judge.mode import Mode
from sandbox.verdicts.run_report import RunReport


def with_shown(mode: Mode, reports: Sequence[RunReport]) -> Mode:
    """Return the mode with what all of several runs of the canonical answer showed."""
    first, *others = reports
    lines = {
        number: {
            line: count
            for line, count in counts.items()
            if count and all(other.lines.get(number, {}).get(line) == count for other in others)
        }
        for number, counts in first.lines.items()
    }
    turned = {
        number: {
            place: frozenset.intersection(
                changes, *(other.turned.get(number, {}).get(place, frozenset()) for other in others)
            )
            for place, changes in places.items()
        }
        for number, places in first.turned.items()
    }
    return mode.model_copy(update={"lines": lines, "turned": turned})


def find_nothing_shown(report: RunReport, mode: Mode, tests: Sequence[str]) -> str:
    """Return why a pass shows less than one of the canonical answer; "" if it shows as much."""
    for number, counts in mode.lines.items():
        ran = report.lines.get(number, {})
        for line, count in counts.items():
            if ran.get(line, 0) < count:
                times = f"{ran.get(line, 0)} of {count} times"
                return f"it passed, and a line of the test ran {times}: {_line(tests[number], line)}"
    for number, places in mode.turned.items():
        tried = report.turned.get(number, {})
        for place, changes in places.items():
            if place in tried and changes - tried[place]:
                text = _line(tests[number], int(place.partition(":")[0]))
                return f"it passed, and a comparison holds with another value, too: {text}"
    return ""


def _line(test: str, number: int) -> str:
    return test.splitlines()[number - 1].strip()
