"""Weigh a pass by what its tests showed: lines that ran, and comparisons that tell values apart.

What the case's own answer shows is the measure: where a test is one-sided by nature, or leaves lines to
chance, nothing more is asked of an answer. Both are recorded in the checker's process, where no candidate is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from benchmarks.judge.mode import Mode
from sandbox.verdicts.run_report import RunReport

Place = TypeVar("Place", int, str)


def with_shown(mode: Mode, reports: Sequence[RunReport]) -> Mode:
    """Return the mode with what all of several runs of the canonical answer showed."""
    reached = _in_all([_positive(report.lines) for report in reports])
    filled = _in_all([_positive(report.items) for report in reports])
    honest = _in_all([_chosen(report.compared, lambda seen: seen == "honest") for report in reports])
    return mode.model_copy(update={"reached": reached, "filled": filled, "honest": honest})


def find_nothing_shown(report: RunReport, mode: Mode, tests: Sequence[str]) -> str:
    """Return why a pass shows less than one of the canonical answer; "" if it shows as much."""
    for counts, places in ((report.lines, mode.reached), (report.items, mode.filled)):
        for number, lines in places.items():
            missed = [line for line in lines if counts.get(number, {}).get(line) == 0]
            if missed:
                text = _line(tests[number], min(missed))
                return f"it passed, and nothing came to an assertion of the test: {text}"
    for number, honest in mode.honest.items():
        for place, seen in report.compared.get(number, {}).items():
            if place in honest and seen in ("blind", "foreign"):
                text = _line(tests[number], int(place.partition(":")[0]))
                return f"it passed, and a comparison of the test holds for other values, too: {text}"
    return ""


def _positive(counts: Mapping[int, Mapping[int, int]]) -> dict[int, frozenset[int]]:
    return _chosen(counts, lambda count: count > 0)


def _chosen(
    values: Mapping[int, Mapping[Place, object]], fits: Callable[..., bool]
) -> dict[int, frozenset[Place]]:
    return {
        number: frozenset(p for p, value in some.items() if fits(value)) for number, some in values.items()
    }


def _in_all(runs: Sequence[Mapping[int, frozenset[Place]]]) -> dict[int, frozenset[Place]]:
    first, *others = runs
    return {
        number: places.intersection(*(other.get(number, frozenset()) for other in others))
        for number, places in first.items()
    }


def _line(test: str, number: int) -> str:
    return test.splitlines()[number - 1].strip()
