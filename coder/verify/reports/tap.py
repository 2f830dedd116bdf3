"""Read the Test Anything Protocol (testanything.org), which tape, tap, ava, bats and Node's runner print."""

import re
from collections import Counter
from dataclasses import dataclass, field

from coder.verify.reports.failures import MAX_LINES, PrintedPlaces, RunnerReport, failed_line, passed_line

_POINT = re.compile(r"(?P<failed>not )?ok\b(?:[ \t]+\d+)?(?:[ \t]+(?:- )?(?P<name>.*))?")
_PLAN = re.compile(r"1\.\.(\d{1,7})\b.*")
_DIRECTIVE = re.compile(r"(?:^|\s)#\s*(?:SKIP|TODO)\b.*", re.IGNORECASE)
_TIME = re.compile(r"\s#\s*time=\S+")
_OF_TAPE, _OF_NODE = "TAP version 13", "# Subtest: "
"""Line of tape's reports, whose comments head assertions; beginning of Node's, which repeat a test's name."""


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
    """Read the tests of the outermost level; None unless there are as many as the text's plans say.

    Tape's assertions are named `comment > description`. The message of a failed test holds its subtests,
    which are printed before it, and its diagnostics: comments and a block of YAML behind it.
    """
    points, planned, seen = list[_Point](), 0, Counter[str]()
    comment, subtests, is_diagnosed = "", list[str](), False
    is_of_tape = _OF_TAPE in text
    for line in text.splitlines():
        is_diagnosed = is_diagnosed and line.startswith("  ")
        if is_diagnosed:
            points[-1].diagnostics.append(line[2:])
            is_diagnosed = line != "  ..."
        elif plan := _PLAN.fullmatch(line):
            planned += int(plan[1])
        elif (point := _POINT.fullmatch(line)) and len(points) < MAX_LINES:
            description = _TIME.sub("", point["name"] or "")
            name = " > ".join(filter(None, (comment, _DIRECTIVE.sub("", description).strip()))) or "test"
            seen[name] += 1
            name = f"{name} ({seen[name]})" if seen[name] > 1 else name
            counts = not _DIRECTIVE.search(description)
            points.append(_Point(name, not point["failed"], counts, subtests))
            subtests = []
        elif line.startswith("#") and not is_of_tape and points and not points[-1].passed:
            points[-1].diagnostics.append(line)
        elif line.startswith("# "):
            comment = line[2:].strip() if is_of_tape and not line.startswith(_OF_NODE) else ""
        elif points and line == "  ---":
            is_diagnosed = True
        else:
            subtests.append(line)
    if not points or len(points) != planned:
        return None
    lines = (
        passed_line(point.name)
        if point.passed
        else failed_line(point.name, "\n".join([*point.subtests, *point.diagnostics]), places)
        for point in points
        if point.counts
    )
    return RunnerReport(tuple(lines))
