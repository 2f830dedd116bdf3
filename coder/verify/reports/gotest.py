"""The stream of `go test -json`, one object a line, as `go doc test2json` describes it."""

import json
from collections.abc import Collection
from typing import Any

from coder.verify.reports.failures import MOST_LINES, Places, Report, failed_line, passed_line

_NAME = 500
_DEEPEST = 50
_NOISE = ("=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- FAIL", "--- PASS", "FAIL\t", "ok  \t")


def read_go(text: str, places: Places) -> Report | None:
    """Tests as `package.Test/sub`; a package that can't be built is one failed line. None: no such stream.

    A parent that fails only because of a subtest is left out: the subtest says why.
    """
    said: dict[tuple[str, str], list[str]] = {}
    ended: dict[tuple[str, str], bool] = {}
    """By package and test; the package itself has the empty test."""
    seen = False
    for event in _events(text):
        seen = True
        action = event["Action"]
        package = str(event.get("Package") or str(event.get("ImportPath") or "").partition(" ")[0])
        key = package, str(event.get("Test") or "")[:_NAME]
        if action in ("output", "build-output"):
            said.setdefault(key, []).append(str(event.get("Output", "")))
        elif action in ("pass", "fail", "build-fail") and len(ended) < MOST_LINES:
            ended[key] = action == "pass"
    if not seen:
        return None
    failed = [key for key, passed in ended.items() if not passed]
    explained = {_above(key, ended) for key in failed if key[1]} | {(key[0], "") for key in failed if key[1]}
    lines = []
    for (package, test), passed in ended.items():
        name = f"{package}.{test}" if test else package
        if not passed and (package, test) not in explained:
            pieces = [
                piece for piece in said.get((package, test), ()) if not piece.strip().startswith(_NOISE)
            ]
            lines.append(failed_line(name, "".join(pieces), places, folder=package))
        elif passed and test:
            lines.append(passed_line(name))
    return Report(tuple(lines), complete=any(not test for _, test in ended))


def _above(key: tuple[str, str], ended: Collection[tuple[str, str]]) -> tuple[str, str]:
    """The nearest test that a subtest is part of; its package where none is known."""
    package, test = key
    for _ in range(_DEEPEST):
        test = test.rpartition("/")[0]
        if not test or (package, test) in ended:
            break
    return package, test


def said_by_go(text: str) -> str:
    """What the command would have printed without `-json`."""
    said = [str(event.get("Output", "")) for event in _events(text)]
    said += [f"{line}\n" for line in text.splitlines() if not line.startswith("{")]
    return "".join(said)


def _events(text: str) -> list[dict[str, Any]]:
    events = []
    for line in text.splitlines():
        if not line.startswith("{"):
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("Action"), str):
            events.append(event)
    return events
