"""What `cargo test` prints."""

import re

from coder.run.message import CheckLine
from coder.verify.reports.failures import MOST_LINES, Places, Report, failed_line, passed_line

_TEST = re.compile(r"^test (?P<name>.+?)(?: - should panic)? \.\.\. (?P<how>ok|FAILED|ignored)\b")
_SAID = re.compile(r"^---- (?P<name>.+) (?:stdout|stderr) ----$")
_ENDED = re.compile(r"^test result: ")
_BUILD = re.compile(
    r"^error(?:\[E\d+\])?: (?P<what>[^\n]+)\n\s*--> (?P<path>[^\n:]+):(?P<line>\d+)", re.MULTILINE
)
_BACKTRACE = re.compile(r"^stack backtrace:\n(?:(?:   |note: ).*\n?)*", re.MULTILINE)


def read_cargo(stdout: str, stderr: str, places: Places) -> Report | None:
    """Tests by their paths in the crate; code that can't be compiled is one failed line each error."""
    lines = _tests(stdout, places)
    if lines is None and (errors := list(_BUILD.finditer(stderr))):
        lines = [
            failed_line(
                f"error: {match['what']}",
                stderr[match.start() : match.end() + 1500],
                places,
                path=places.resolve(match["path"].strip()),
                line=int(match["line"]),
            )
            for match in errors[:20]
        ]
    return Report(tuple(lines[:MOST_LINES])) if lines is not None else None


def _tests(stdout: str, places: Places) -> list[CheckLine] | None:
    how: dict[str, bool] = {}
    said: dict[str, list[str]] = {}
    about: list[str] | None = None
    known = False
    for line in stdout.splitlines():
        if test := _TEST.match(line):
            about = None
            if test["how"] != "ignored":
                how[test["name"]] = test["how"] == "ok" and how.get(test["name"], True)
        elif heading := _SAID.match(line):
            about = said.setdefault(heading["name"], [])
        elif line == "failures:" or _ENDED.match(line):
            known, about = True, None
        elif about is not None:
            about.append(line)
        known = known or line.startswith("running ")
    if not known:
        return None
    told = {name: _BACKTRACE.sub("", "\n".join(lines)) for name, lines in said.items()}
    return [
        passed_line(name) if passed else failed_line(name, told.get(name, ""), places)
        for name, passed in how.items()
    ]
