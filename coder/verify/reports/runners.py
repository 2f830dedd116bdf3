"""The program that a test command starts, and how to ask it for a report without changing what it tests.

A command that isn't known stays as it is: its exit code decides, and a JUnit XML file that it writes is read.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from coder.verify.reports.cargo import read_cargo
from coder.verify.reports.failures import MOST_LINES, Places, Report, failed_line, passed_line
from coder.verify.reports.gotest import read_go, said_by_go
from coder.verify.reports.junit_reader import read_junit

_FRONTS = {
    "npx", "bunx", "yarn", "pnpm", "exec", "dlx", "env", "nice", "time", "--no-install", "-y", "--yes", "--",
}  # fmt: skip
_PACKAGES = {"npm", "yarn", "pnpm"}
_SHELL = set("&|;<>$`(){}\n")
_KNOWN_RESOLVED = ("jest", "vitest", "node")


@dataclass(frozen=True, slots=True)
class Runner:
    """How one test command is run and read."""

    name: str
    argv: tuple[str, ...]
    read: Callable[[bytes, str, str, Places], Report | None]
    """(report file, stdout, stderr, places) → the report, None where there is none."""
    on_stdout: bool = False
    """Its report is what it prints, which goes to the file: too much for the output that is kept."""
    shown: Callable[[str], str] = field(default=lambda report: "")
    """What a person would have seen on stdout, where the report took its place."""


def runner_of(argv: Sequence[str], report: str, files: Mapping[str, bytes]) -> Runner | None:
    """The known runner that a command starts, asked to write to `report`; None for any other command.

    Args:
        files: the workspace's, for a package.json that says what `npm test` is.
    """
    words = list(argv)
    tool, start = _tool(words)
    if tool in _PACKAGES:
        return _of_package(words, tool, report, files)
    after = words[start + 1 :]
    match tool:
        case "go" if after[:1] == ["test"]:
            asked = [] if "-json" in after else ["-json"]
            return Runner(
                "go test",
                (*words[: start + 2], *asked, *after[1:]),
                lambda file, out, err, places: read_go(_text(file), places),
                on_stdout=True,
                shown=said_by_go,
            )
        case "cargo" if after[:1] in (["test"], ["t"]) and "--format" not in after:
            return Runner(
                "cargo test", tuple(words), lambda file, out, err, places: read_cargo(out, err, places)
            )
        case "jest" | "vitest" | "node":
            asked_words = _asked(tool, after, report)
            if asked_words is not None:
                front, flags, back = asked_words
                return _writing(tool, [*words[: start + 1], *front, *flags, *back])
    return None


def _of_package(words: list[str], tool: str, report: str, files: Mapping[str, bytes]) -> Runner | None:
    """`npm test` and its like, where package.json says that it is one runner and nothing else."""
    script = next((word for word in words[1:] if not word.startswith("-") and word != "run"), None)
    text = _scripts(files).get("test" if script == "t" and tool == "npm" else script or "")
    if text is None or _SHELL & set(text):
        return None
    try:
        inner = shlex.split(text)
    except ValueError:
        return None
    inner_tool, start = _tool(inner)
    asked = _asked(inner_tool, inner[start + 1 :], report) if inner_tool in ("jest", "vitest") else None
    if asked is None:
        return None
    divider = ["--"] if tool == "npm" and "--" not in words else []
    return _writing(inner_tool, [*words, *divider, *asked[1]])


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
            if name not in _PACKAGES or rest == "exec" or rest in _KNOWN_RESOLVED:
                continue
        if "=" in word and not word.startswith("-") and i + 1 < len(words):
            continue
        return name, i
    return "", 0


def _asked(tool: str, after: list[str], report: str) -> tuple[list[str], list[str], list[str]] | None:
    """Words before, the flags that ask for a report, words behind; None where the command has its own."""
    flags_there = {word.split("=")[0] for word in after}
    if tool == "jest":
        flags = ["--json", f"--outputFile={report}", "--testLocationInResults"]
        own = flags_there & {"--json", "--outputFile", "--watch", "--watchAll"}
        return None if own else ([], flags, after)
    if tool == "vitest":
        own_file = any(word.startswith("--outputFile") for word in after)
        if own_file or (after and after[0] in ("watch", "dev", "bench")):
            return None
        front = after[:1] if after[:1] == ["run"] else []
        shown = [] if any(word.startswith("--reporter") for word in after) else ["--reporter=default"]
        return front, [*shown, "--reporter=json", f"--outputFile.json={report}"], after[len(front) :]
    if "--test" not in after or any(word.startswith("--test-reporter") for word in after):
        return None
    at = after.index("--test")
    flags = ["--test-reporter=spec", "--test-reporter-destination=stdout"]
    flags += ["--test-reporter=junit", f"--test-reporter-destination={report}"]
    return after[: at + 1], flags, after[at + 1 :]


def _writing(tool: str, words: list[str]) -> Runner:
    if tool == "node":
        return Runner("node --test", tuple(words), lambda file, out, err, places: read_junit(file, places))
    return Runner(tool, tuple(words), lambda file, out, err, places: read_jest(_text(file), places))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def read_jest(text: str, places: Places) -> Report | None:
    """Tests as `file > describe > name`; a file that can't be run is one failed line. None: no such JSON."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or not isinstance(document.get("testResults"), list):
        return None
    lines = []
    for file in filter(_is_object, document["testResults"]):
        printed = str(file.get("name", ""))
        path = places.resolve(printed) or printed
        tests = [test for test in file.get("assertionResults") or [] if _is_object(test)]
        for test in tests[:MOST_LINES]:
            name = " > ".join([path, *map(str, test.get("ancestorTitles") or []), str(test.get("title", ""))])
            if test.get("status") == "passed":
                lines.append(passed_line(name))
            elif test.get("status") == "failed":
                message = "\n".join(map(str, test.get("failureMessages") or []))
                lines.append(failed_line(name, message, places))
        if file.get("status") == "failed" and all(test.get("status") != "failed" for test in tests):
            lines.append(failed_line(path, str(file.get("message", "")), places))
    return Report(tuple(lines[:MOST_LINES]))


def _is_object(value: object) -> bool:
    return isinstance(value, dict)
