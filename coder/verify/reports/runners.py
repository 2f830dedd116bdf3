"""The program that a test command starts, and how to ask it for a report without changing what it tests.

A command that isn't known stays as it is: its exit code decides, and a JUnit XML file that it writes is read.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from coder.verify.reports.failures import PrintedPlaces, RunnerReport
from coder.verify.reports.readers import read_cargo, read_go, read_jest, read_junit, render_go

_FRONTS = {
    "npx", "bunx", "yarn", "pnpm", "exec", "dlx", "env", "nice", "time", "--no-install", "-y", "--yes", "--",
}  # fmt: skip
_PACKAGES = {"npm", "yarn", "pnpm"}
_SHELL = set("&|;<>$`(){}\n")


@dataclass(frozen=True, slots=True)
class Runner:
    """How one test command is run and read."""

    name: str
    argv: tuple[str, ...]
    read: Callable[[bytes, str, str, PrintedPlaces], RunnerReport | None]
    """(report file, stdout, stderr, places) → the report, None where there is none."""
    render: Callable[[str], str] | None = None
    """Converts the report on stdout to the normal output; None if the report has its own file."""


def runner_of(argv: Sequence[str], report: str, files: Mapping[str, bytes]) -> Runner | None:
    """Find the known runner that a command starts, with flags to write to `report`; None if there is none.

    Args:
        files: package.json of the workspace, which says what `npm test` is.
    """
    words = list(argv)
    tool, start = _tool(words)
    if tool in _PACKAGES:
        return _of_package(words, tool, report, files)
    front, after = words[: start + 1], words[start + 1 :]
    if tool == "go" and after[:1] == ["test"]:
        flags = [] if "-json" in after else ["-json"]
        argv_of_report = (*front, "test", *flags, *after[1:])
        return Runner(
            "go test", argv_of_report, lambda file, out, err, places: read_go(_text(file), places), render_go
        )
    if tool == "cargo" and after[:1] in (["test"], ["t"]) and "--format" not in after:
        return Runner("cargo test", tuple(words), lambda file, out, err, places: read_cargo(out, err, places))
    flags_of_report = _flags(tool, after, report)
    if flags_of_report is None:
        return None
    at = after.index("--test") + 1 if tool == "node" else int(after[:1] == ["run"])
    return _writing(tool, [*front, *after[:at], *flags_of_report, *after[at:]])


def _of_package(words: list[str], tool: str, report: str, files: Mapping[str, bytes]) -> Runner | None:
    """Find the runner behind `npm test` and the like, if package.json names just one."""
    script = next((word for word in words[1:] if not word.startswith("-") and word != "run"), None)
    text = _scripts(files).get("test" if script == "t" and tool == "npm" else script or "")
    if text is None or _SHELL & set(text):
        return None
    try:
        inner = shlex.split(text)
    except ValueError:
        return None
    inner_tool, start = _tool(inner)
    flags = _flags(inner_tool, inner[start + 1 :], report) if inner_tool != "node" else None
    if flags is None:
        return None
    divider = ["--"] if tool == "npm" and "--" not in words else []
    return _writing(inner_tool, [*words, *divider, *flags])


def _scripts(files: Mapping[str, bytes]) -> dict[str, str]:
    try:
        scripts = json.loads(files.get("package.json", b"{}")).get("scripts", {})
        return {str(name): str(text) for name, text in scripts.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _tool(words: Sequence[str]) -> tuple[str, int]:
    """The program behind `npx` and assignments, and where it stands."""
    for i, word in enumerate(words):
        name = PurePosixPath(word).name
        if name in _FRONTS and i + 1 < len(words):
            rest = words[i + 1]
            if name not in _PACKAGES or rest == "exec" or rest in ("jest", "vitest", "node"):
                continue
        if "=" in word and not word.startswith("-") and i + 1 < len(words):
            continue
        return name, i
    return "", 0


def _flags(tool: str, after: Sequence[str], report: str) -> list[str] | None:
    """Return flags for a report; None for another tool, or if the command has such flags."""
    there = {word.split("=")[0] for word in after}
    match tool:
        case "jest" if not there & {"--json", "--outputFile", "--watch", "--watchAll"}:
            return ["--json", f"--outputFile={report}", "--testLocationInResults"]
        case "vitest" if not _has(after, "--outputFile") and after[:1] not in (["watch"], ["dev"], ["bench"]):
            reporter = [] if _has(after, "--reporter") else ["--reporter=default"]
            return [*reporter, "--reporter=json", f"--outputFile.json={report}"]
        case "node" if "--test" in after and not _has(after, "--test-reporter"):
            flags = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
            return [*flags, "--test-reporter=junit", f"--test-reporter-destination={report}"]
    return None


def _has(words: Sequence[str], flag: str) -> bool:
    return any(word.startswith(flag) for word in words)


def _writing(tool: str, words: list[str]) -> Runner:
    if tool == "node":
        return Runner("node --test", tuple(words), lambda file, out, err, places: read_junit(file, places))
    return Runner(tool, tuple(words), lambda file, out, err, places: read_jest(_text(file), places))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
