"""Read the Test Anything Protocol (testanything.org), which tape, tap, ava and Node's runner print."""

import re
from collections import Counter
from dataclasses import dataclass, field

from coder.verify.reports.failures import MAX_LINES, PrintedPlaces, RunnerReport, failed_line, passed_line

_POINT = re.compile(r"(?P<failed>not )?ok\b(?:[ \t]+\d+)?(?:[ \t]+(?:- )?(?P<name>.*))?")
_PLAN = re.compile(r"1\.\.(\d{1,7})\b.*")
_DIRECTIVE = re.compile(r"(?:^|\s)#\s*(?:SKIP|TODO)\b.*", re.IGNORECASE)
_OF_NODE = "# Subtest: "
"""Beginning of the comment in which Node repeats a test's name."""


@dataclass(slots=True)
class _Point:
    """One test of the outermost level."""

    name: str
    passed: bool
    counts: bool
    """Whether it is neither skipped nor still to do."""
    subtests: list[str]
    diagnostics: list[str] = field(default_factory=list)


def read_tap(text: str, places: PrintedPlaces) -> RunnerReport | None:
    """Read the tests of the outermost level as `comment > description`; None for text without a plan.

    The message of a failed test holds its subtests, printed before it, and the YAML of its diagnostics.
    """
    points, plans, seen = list[_Point](), list[int](), Counter[str]()
    comment, subtests, is_diagnosed = "", list[str](), False
    for line in text.splitlines():
        if is_diagnosed:
            is_diagnosed = line != "  ..."
            points[-1].diagnostics.append(line[2:])
        elif plan := _PLAN.fullmatch(line):
            plans.append(int(plan[1]))
        elif (point := _POINT.fullmatch(line)) and len(points) < MAX_LINES:
            description = point["name"] or ""
            name = " > ".join(filter(None, (comment, _DIRECTIVE.sub("", description).strip()))) or "test"
            seen[name] += 1
            name = f"{name} ({seen[name]})" if seen[name] > 1 else name
            counts = not _DIRECTIVE.search(description)
            points.append(_Point(name, not point["failed"], counts, subtests))
            subtests = []
        elif line.startswith("# "):
            comment = "" if line.startswith(_OF_NODE) else line[2:].strip()
        elif points and line == "  ---":
            is_diagnosed = True
        else:
            subtests.append(line)
    if not (points and plans):
        return None
    lines = (
        passed_line(point.name)
        if point.passed
        else failed_line(point.name, "\n".join([*point.subtests, *point.diagnostics]), places)
        for point in points
        if point.counts
    )
    return RunnerReport(tuple(lines), complete=len(points) == sum(plans))
