"""Find the program that a test command starts, and ask it for a report without changing what it tests.

An unknown command is run unchanged: its exit code decides, and a JUnit XML file that it writes is read.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from coder.source.shell import split_line
from coder.verify.reports.failures import PrintedPlaces, RunnerReport
from coder.verify.reports.readers import (
    read_cargo,
    read_go,
    read_jest,
    read_mocha,
    read_node,
    render_go,
    render_mocha,
)

_WRAPPERS = {
    "npx", "bunx", "yarn", "pnpm", "exec", "dlx", "env", "nice", "time", "--no-install", "-y", "--yes", "--",
}  # fmt: skip
_MOCHA_FLAGS = ("--reporter", "json")
"""Flags of mocha for its report on stdout; of two reporters the last one counts."""
_PACKAGE_MANAGERS = {"npm", "yarn", "pnpm"}
_SHELL_CHARACTERS = set("&|;<>$`(){}\n")


@dataclass(frozen=True, slots=True)
class Runner:
    """A test command with the flags for its report, and the functions that read the report."""

    name: str
    argv: tuple[str, ...]
    read: Callable[[bytes, str, str, PrintedPlaces], RunnerReport | None]
    """Reads the report from (report file, stdout, stderr, places); returns None if there is none."""
    render: Callable[[str], str] | None = None
    """Converts the report on stdout to the normal output; None if the report has its own file."""


def runner_of(argv: Sequence[str], report: str, files: Mapping[str, bytes]) -> Runner | None:
    """Return the known runner that a command starts, with flags to write to `report`; None for other
    programs.

    Args:
        files: package.json of the workspace, which defines `npm test`.
    """
    words = list(argv)
    tool, start = _tool(words)
    if tool in _PACKAGE_MANAGERS:
        return _package_runner(words, tool, report, files)
    words_before, words_after = words[: start + 1], words[start + 1 :]
    if tool == "go" and words_after[:1] == ["test"]:
        flags = [] if "-json" in words_after else ["-json"]
        argv_of_report = (*words_before, "test", *flags, *words_after[1:])
        return Runner(
            "go test", argv_of_report, lambda file, out, err, places: read_go(_text(file), places), render_go
        )
    if tool == "cargo" and words_after[:1] in (["test"], ["t"]) and "--format" not in words_after:
        # Otherwise a failing crate hides the tests of those behind it.
        flags = [] if "--no-fail-fast" in words_after else ["--no-fail-fast"]
        argv_of_report = (*words_before, words_after[0], *flags, *words_after[1:])
        return Runner(
            "cargo test", argv_of_report, lambda file, out, err, places: read_cargo(out, err, places)
        )
    if tool == "mocha" and not _has(words_after, "--watch"):
        return _mocha_runner([*words, *_MOCHA_FLAGS])
    flags_of_report = _flags(tool, words_after, report)
    if flags_of_report is None:
        return None
    position = words_after.index("--test") + 1 if tool == "node" else int(words_after[:1] == ["run"])
    return _json_runner(
        tool, [*words_before, *words_after[:position], *flags_of_report, *words_after[position:]]
    )


def _package_runner(words: list[str], tool: str, report: str, files: Mapping[str, bytes]) -> Runner | None:
    """Return the runner behind `npm test` and the like, if package.json names exactly one."""
    script = next((word for word in words[1:] if not word.startswith("-") and word != "run"), None)
    text = _package_scripts(files).get("test" if script == "t" and tool == "npm" else script or "")
    if text is None or _SHELL_CHARACTERS & set(text):
        return None
    try:
        inner = split_line(text)
    except ValueError:
        return None
    inner_tool, start = _tool(inner)
    if inner_tool == "mocha":
        divider = ["--"] if tool == "npm" and "--" not in words else []
        return _mocha_runner([*words, *divider, *_MOCHA_FLAGS])
    flags = _flags(inner_tool, inner[start + 1 :], report) if inner_tool != "node" else None
    if flags is None:
        return None
    divider = ["--"] if tool == "npm" and "--" not in words else []
    return _json_runner(inner_tool, [*words, *divider, *flags])


def _mocha_runner(words: list[str]) -> Runner:
    return Runner(
        "mocha", tuple(words), lambda file, out, err, places: read_mocha(_text(file), places), render_mocha
    )


def _package_scripts(files: Mapping[str, bytes]) -> dict[str, str]:
    try:
        scripts = json.loads(files.get("package.json", b"{}")).get("scripts", {})
        return {str(name): str(text) for name, text in scripts.items()}
    except (ValueError, AttributeError, RecursionError):
        return {}


def _tool(words: Sequence[str]) -> tuple[str, int]:
    """Return the program after `npx` and assignments, and its position."""
    for position, word in enumerate(words):
        name = PurePosixPath(word).name
        if name in _WRAPPERS and position + 1 < len(words):
            next_word = words[position + 1]
            if (
                name not in _PACKAGE_MANAGERS
                or next_word == "exec"
                or next_word in ("jest", "vitest", "node")
            ):
                continue
        if "=" in word and not word.startswith("-") and position + 1 < len(words):
            continue
        return name, position
    return "", 0


def _flags(tool: str, words: Sequence[str], report: str) -> list[str] | None:
    """Return flags for a report; None for another tool, or if the command has such flags already."""
    given_flags = {word.split("=")[0] for word in words}
    match tool:
        case "jest" if not given_flags & {"--json", "--outputFile", "--watch", "--watchAll"}:
            return ["--json", f"--outputFile={report}", "--testLocationInResults"]
        case "vitest" if not _has(words, "--outputFile") and words[:1] not in (["watch"], ["dev"], ["bench"]):
            reporter = [] if _has(words, "--reporter") else ["--reporter=default"]
            return [*reporter, "--reporter=json", f"--outputFile.json={report}"]
        case "node" if "--test" in words and not _has(words, "--test-reporter"):
            flags = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
            return [*flags, "--test-reporter=junit", f"--test-reporter-destination={report}"]
    return None


def _has(words: Sequence[str], flag: str) -> bool:
    return any(word.startswith(flag) for word in words)


def _json_runner(tool: str, words: list[str]) -> Runner:
    if tool == "node":
        return Runner(
            "node --test", tuple(words), lambda file, out, err, places: read_node(file, out, places)
        )
    return Runner(tool, tuple(words), lambda file, out, err, places: read_jest(_text(file), places))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")
