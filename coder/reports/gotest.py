"""Go: the stream of `go test -json`, one object a line, as `go doc test2json` describes it."""

import json
from typing import Any

from coder.reports.places import Places
from coder.reports.report import MOST_LINES, Report, failed_line, passed_line

_NOISE = ("=== RUN", "=== PAUSE", "=== CONT", "=== NAME", "--- FAIL", "--- PASS", "FAIL\t", "ok  \t")


def read_go(text: str, places: Places) -> Report | None:
    """Tests as `package.Test/sub`; a package that can't be built is one failed line. None: no such stream.

    A parent that fails only because of a subtest is left out: the subtest says why.
    """
    said: dict[str, list[str]] = {}
    ended: dict[str, bool] = {}
    packages: dict[str, bool] = {}
    seen = False
    for event in _events(text):
        seen = True
        action = event.get("Action")
        package = str(event.get("Package") or str(event.get("ImportPath") or "").partition(" ")[0])
        name = f"{package}.{event['Test']}" if event.get("Test") else package
        if action in ("output", "build-output"):
            said.setdefault(name, []).append(str(event.get("Output", "")))
        elif action in ("pass", "fail") and len(ended) < MOST_LINES:
            (ended if event.get("Test") else packages)[name] = action == "pass"
        elif action == "build-fail":
            packages[name] = False
    if not seen:
        return None
    lines = []
    for name, passed in ended.items():
        below = (
            [other for other in ended if other.startswith(f"{name}/") and not ended[other]]
            if not passed
            else []
        )
        if passed:
            lines.append(passed_line(name))
        elif not below:
            lines.append(failed_line(name, _told(said.get(name, [])), places, folder=_folder(name)))
    for package, passed in packages.items():
        if not passed and not any(not ok and name.startswith(f"{package}.") for name, ok in ended.items()):
            lines.append(failed_line(package, _told(said.get(package, [])), places, folder=package))
    return Report(tuple(lines), complete=bool(packages))


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


def _told(said: list[str]) -> str:
    return "".join(piece for piece in said if not piece.strip().startswith(_NOISE))


def _folder(name: str) -> str:
    """The package's path: what stands before the test's name."""
    head, slash, tail = name.partition(".Test")[0].rpartition("/")
    return f"{head}{slash}{tail}"
