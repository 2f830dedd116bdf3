"""Confirm a test command that has passed, with the code under test in another process than its tests."""

import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from coder.environment.workbench import Workbench
from coder.run.command_inputs import reported
from coder.run.message import CheckLine
from coder.run.state import State
from coder.run.target import Target
from coder.source.literal_tests import is_plain
from coder.verify.finding import checked, line_of
from coder.verify.test_command import TestRun
from coder.workspace.overlay import workspace_files
from sandbox import CheckReport, CheckResult, TestFile

_CONFIRMING_S, _MOST_MORE_S = 10.0, 30.0
"""For the same tests once more, beside the time that they took: the least, and the most.

Each call of theirs takes longer there, some end in a deadlock, and the user waits for them.
"""


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What the same tests showed from outside of the code's process."""

    verdict: Literal["outside", "inside", "refuted"]
    """outside: they pass there too; inside: they can't tell; refuted: the pass was no pass."""
    lines: tuple[CheckLine, ...] = ()
    note: str = ""


async def confirm(
    bench: Workbench, state: State, target: Target, files: Mapping[str, bytes], *, run: TestRun
) -> Confirmation:
    """Run the tests of a Python test command once more, from outside.

    Where they pass there, the verdict is strong. Many honest tests can't (fixtures that share files with the
    code, patched modules): then the pass stands, labelled `inside`, unless what passed was an object of the
    candidate's own class that claims to equal the tests' data, or a plain comparison that is false, and the
    user's own code doesn't show the same (operators that build queries, say, are equal to all).

    Raises:
        SandboxError: a sandbox itself failed.
    """
    script = _script(state.task.test_command or ())
    checks = [
        TestFile(path=path, source=files[path].decode())
        for path in target.tests
        if _is_text(files.get(path, b"")) and (path == script or _decides(path, files))
    ]
    if not checks or target.module.partition(".")[0] in sys.stdlib_module_names:
        return Confirmation("inside")
    checker = await bench.checker()
    await checker.lay({path: files[path] for path in target.tests if path in files})
    took = run.result.wall_s
    seconds = min(state.settings.test_timeout_s, _CONFIRMING_S + 4 * took, _MOST_MORE_S + took)
    report = await checked(bench, target, files, checks, seconds)
    if report.passed:
        return Confirmation("outside")
    wrong = {result.name for result in report.results if _is_wrong_anywhere(result, files)}
    if (report.disowned or wrong) and state.baseline is not None:
        untouched = workspace_files(state, {})
        await (await bench.candidate()).lay(untouched)
        before = await checked(bench, target, untouched, checks, seconds)
        await (await bench.candidate()).lay(files)
        report, wrong = _new(report, wrong, before, {t.name for t in state.baseline.tests if t.passed})
    lines = tuple(map(line_of, report.results))
    if report.disowned:
        note = "A test passed only because an object of your own class claims to equal the test's data."
        return Confirmation("refuted", lines, note)
    if wrong:
        note = "A test passed only in the process of your code, which must have changed the test."
        return Confirmation("refuted", lines, note)
    return Confirmation("inside")


def _new(
    report: CheckReport, wrong: set[str], before: CheckReport, passed: Collection[str]
) -> tuple[CheckReport, set[str]]:
    """What doesn't show with the untouched files too, of which these tests passed in their own process.

    Where those don't come to their end here, nothing is known to be new.
    """
    if not before.complete:
        return report.model_copy(update={"disowned": False}), set()
    old = {result.name for result in before.results if not result.passed and result.name in passed}
    return report.model_copy(update={"disowned": report.disowned and not before.disowned}), wrong - old


def _is_wrong_anywhere(line: CheckResult, files: Mapping[str, bytes]) -> bool:
    """Whether a failed comparison owes nothing to the process that it was made in."""
    compared = line.expected is not None or line.asserted
    source = files.get(line.name.partition("::")[0], b"")
    if any(b"autouse" in text for path, text in files.items() if path.endswith("conftest.py")):
        return False  # a fixture may have prepared the process for each test
    return (
        not line.passed
        and compared
        and "::" in line.name
        and b"autouse" not in source
        and is_plain(source.decode(), line.name)
    )


def _decides(path: str, files: Mapping[str, bytes]) -> bool:
    """Whether a pristine file holds tests of its own (a conftest.py or a helper doesn't)."""
    return path.endswith(".py") and not path.endswith("conftest.py") and b"test" in files.get(path, b"")


def _script(argv: Sequence[str]) -> str | None:
    """The file that a test command runs, where it runs one."""
    inner = reported(argv) or ["-m"]
    return None if inner[0] == "-m" else PurePosixPath(inner[0]).as_posix()


def _is_text(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True
