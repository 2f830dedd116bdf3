"""What `coder show` leaves out without --full: quoted files, and tests that were listed before. Pure."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from coder.run.event_types import BaselineTaken, Spoken
from coder.run.events import Event
from coder.text.sanitize import count_of

_HEADING = re.compile(r"`.+`.*:|Other files, .*:")
"""The line above a file that a request quotes, and above its map."""
_FENCE = re.compile(r"`{3,}")


def without_files(text: str) -> str:
    """A request with one line for each file that it quotes."""
    return "\n".join(_lines(text.split("\n")))


def without_repeats(events: Iterable[Event]) -> Iterator[dict[str, Any]]:
    """The events as JSON, each test that passes once: later outcomes count those that were listed before."""
    listed: set[str] = set()
    for event in events:
        document = event.model_dump(mode="json")
        body = document["body"]
        if event.type == BaselineTaken.type:
            listed |= {test["name"] for test in body.get("tests", ()) if test["passed"]}
        outcome = body["message"].get("outcome") if event.type == Spoken.type else None
        if outcome is not None:
            checks = outcome["checks"]
            outcome["checks"] = [one for one in checks if not one["passed"] or one["name"] not in listed]
            outcome["passed_as_before"] = len(checks) - len(outcome["checks"])
            listed |= {one["name"] for one in checks if one["passed"]}
        yield document


def _lines(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        fence = _FENCE.match(lines[at + 1]) if at + 1 < len(lines) else None
        if fence is None or not _HEADING.fullmatch(lines[at]):
            yield lines[at]
            at += 1
            continue
        rest = range(at + 2, len(lines))
        end = next((n for n in rest if lines[n] == fence[0]), len(lines))
        yield f"{lines[at].removesuffix(':')}: {count_of(end - at - 2, 'line')}"
        after = lines[end + 1 : end + 3]  # a blank line stands between two files
        is_between = len(after) == 2 and not after[0] and _HEADING.fullmatch(after[1])
        at = end + 1 + bool(is_between)
