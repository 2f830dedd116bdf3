"""Findings of linters and type checkers: a place and what is wrong there, a line each."""

import re
from collections import Counter
from collections.abc import Collection, Sequence

from coder.run.message import CheckLine
from coder.text.sanitize import printable
from coder.verify.reports.failure_places import Places

_MOST = 1 << 20
_MOST_FINDINGS = 2000
_MESSAGE = 300
_ONE_LINE = re.compile(  # ruff, flake8, mypy, pylint, eslint -f unix, golint, gcc, shellcheck -f gcc
    r"^(?P<path>[^\s:()\[\]][^\n:]{0,400}?):(?P<line>\d{1,7})(?::\d{1,7})?:? +(?P<message>\S[^\n]*)$"
)
_IN_BRACKETS = re.compile(
    r"^(?P<path>[^\s:()][^\n:()]{0,400})\((?P<line>\d{1,7}),\d{1,7}\): (?P<message>\S[^\n]*)$"
)
_ARROW = re.compile(
    r"^\s*--> (?P<path>[^\n:]{1,400}):(?P<line>\d{1,7})(?::\d{1,7})?\s*$"
)  # ruff full, clippy
_BELOW = re.compile(r"^\s+(?P<line>\d{1,7}):\d{1,7}\s+(?P<message>\S[^\n]*)$")  # eslint's own form
_NO_FINDING = re.compile(r"^(?:note|help)\b|: note:")
_POSITIONS = re.compile(r"\bline \d+|:\d+\b")


def read_findings(text: str, places: Places) -> tuple[CheckLine, ...]:
    """Each finding whose file the workspace has, as its tool words it."""
    found: list[CheckLine] = []
    heading = file = ""
    for raw in printable(text[:_MOST]).splitlines():
        match = _ONE_LINE.match(raw) or _IN_BRACKETS.match(raw)
        if match and (path := places.resolve(match["path"].strip())):
            found.append(_finding(path, int(match["line"]), match["message"]))
        elif (arrow := _ARROW.match(raw)) and heading and (path := places.resolve(arrow["path"].strip())):
            found.append(_finding(path, int(arrow["line"]), heading))
        elif (below := _BELOW.match(raw)) and file:
            found.append(_finding(file, int(below["line"]), below["message"]))
        elif raw and not raw[0].isspace():
            heading, file = raw, places.resolve(raw.strip()) or "" if "/" in raw or "." in raw else ""
        if len(found) == _MOST_FINDINGS:
            break
    return tuple(line for line in found if not _NO_FINDING.search(line.message))


def new_findings(
    now: Sequence[CheckLine], before: Sequence[CheckLine], *, changed: Collection[str]
) -> tuple[CheckLine, ...]:
    """Findings in changed files that weren't there before; a line that only moved is no new one."""
    known = Counter(map(_identity, before))
    new = []
    for line in now:
        if line.path is not None and line.path not in changed:
            continue
        if known[_identity(line)]:
            known[_identity(line)] -= 1
        else:
            new.append(line)
    return tuple(new)


def _finding(path: str, line: int, message: str) -> CheckLine:
    message = re.sub(r"\s+", " ", message.strip())[:_MESSAGE]
    return CheckLine(name=f"{path}:{line}: {message}", passed=False, message=message, path=path, line=line)


def _identity(line: CheckLine) -> tuple[str | None, str]:
    """What stays the same of a finding when lines move; of one without a place, that there is one."""
    return line.path, _POSITIONS.sub("", line.message) if line.path is not None else line.name
