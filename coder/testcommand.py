"""A test command: how it is run so that an exit code of 0 alone proves nothing, and what its report says."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from coder.message import CheckLine
from sandbox import Command, FileRefused, Limits, Result, Sandbox
from sandbox.contract import OnOutput

FOLDER = ".coder"
"""Folder of the sandbox's workspace for the reporter and its report; never part of an answer."""
_REPORT = f"{FOLDER}/report.jsonl"
_CONFIG = f"{FOLDER}/config.json"
_REPORTER = f"{FOLDER}/reporter.py"
_PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
_PYTEST = re.compile(r"^(?:.*/)?(?:pytest|py\.test)$")
_MAX_REPORT = 4 << 20


@dataclass(frozen=True, slots=True)
class TestRun:
    """How a test command went."""

    __test__ = False  # not a test class

    result: Result
    lines: tuple[CheckLine, ...]
    complete: bool
    """The command came to its own end; False when something ended it early."""

    @property
    def passed(self) -> bool:
        """Exit code 0, to the end, with at least one test reported and none failed."""
        return (
            self.result.ok and self.complete and bool(self.lines) and all(line.passed for line in self.lines)
        )


def reported(argv: Sequence[str]) -> list[str] | None:
    """The reporter's arguments for a Python test command, or None for a command of another kind."""
    if _PYTEST.match(argv[0]):
        return ["-m", "pytest", *argv[1:]]
    if not _PYTHON.match(argv[0]):
        return None
    if list(argv[1:3]) in (["-m", "pytest"], ["-m", "unittest"]):
        return list(argv[1:])
    if len(argv) > 1 and argv[1].endswith(".py"):
        return list(argv[1:])
    return None


def uses_pytest(argv: Sequence[str]) -> bool:
    """Whether the command needs pytest in the task's interpreter."""
    return (reported(argv) or [])[:2] == ["-m", "pytest"]


async def run_tests(
    sandbox: Sandbox,
    argv: Sequence[str],
    *,
    ours: Sequence[str],
    limits: Limits,
    on_output: OnOutput | None = None,
) -> TestRun:
    """Run the command in the sandbox's workspace.

    Args:
        ours: paths that hold tests; their own `sys.exit` is part of the test.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    inner = reported(argv)
    if inner is None:
        result = await sandbox.run(Command(argv=tuple(argv)), limits=limits, on_output=on_output)
        line = CheckLine(name=" ".join(argv), passed=result.ok, message=_tail(result))
        return TestRun(result, (line,), complete=True)
    await sandbox.write(_REPORTER, files("coder").joinpath("reporter.py").read_bytes())
    await sandbox.write(_CONFIG, json.dumps({"report": _REPORT, "ours": list(ours)}).encode())
    await sandbox.remove(_REPORT)
    result = await sandbox.run(
        Command(argv=("python3", _REPORTER, _CONFIG, *inner)), limits=limits, on_output=on_output
    )
    lines, complete = await _read_report(sandbox)
    await sandbox.remove(FOLDER)
    return TestRun(result, tuple(lines), complete)


async def _read_report(sandbox: Sandbox) -> tuple[list[CheckLine], bool]:
    """The report's lines, each believed only so far as it has the right form."""
    try:
        raw = await sandbox.read(_REPORT, limit=_MAX_REPORT)
    except FileRefused:
        return [], False
    lines: dict[str, CheckLine] = {}
    complete = False
    for row in raw.splitlines():
        try:
            entry = json.loads(row)
        except ValueError:
            return list(lines.values()), False
        if not isinstance(entry, dict):
            return list(lines.values()), False
        complete = "end" in entry
        if isinstance(entry.get("test"), str):
            line = CheckLine(
                name=entry["test"], passed=entry.get("passed") is True, message=str(entry.get("message", ""))
            )
            failed_before = line.name in lines and not lines[line.name].passed
            lines[line.name] = lines[line.name] if failed_before else line
    return list(lines.values()), complete


def _tail(result: Result) -> str:
    return "" if result.ok else (result.stderr or result.stdout)[-2000:]
