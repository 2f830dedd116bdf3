"""Baseline: how the test command ends on the untouched files, before any model is called.

It is run twice where that doesn't take long and something may come of it: tests that then end differently are
flaky. What was red before is known from here on, and a command that can't decide anything is refused here.
"""

import re

from coder.bodies import BaselineTaken, BaselineTest
from coder.errors import UsageError
from coder.feedback import feedback
from coder.laid import workspace_files
from coder.message import CheckLine
from coder.state import State
from coder.target import Target, find_target, is_test
from coder.testcommand import TestRun, run_tests
from coder.workbench import Workbench
from sandbox import Limits

AGAIN_UNDER_S = 30.0
"""A command that took less is run a second time."""
_NO_TESTS = 5
"""Exit code of pytest and unittest where they have found nothing."""
_NOT_THERE = re.compile(r"^ERROR: file or directory not found: (.+)$", re.MULTILINE)
"""What pytest says of a path."""
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def wants_baseline(state: State) -> bool:
    """Whether there is something to run before the work, and it hasn't been."""
    return state.baseline is None and state.task.test_command is not None and bool(state.files)


async def take_baseline(bench: Workbench, state: State) -> BaselineTaken:
    """Run the test command on the untouched files.

    Raises:
        UsageError: it isn't there, or has no tests to run, or can't read them.
        SandboxError: the sandbox itself failed.
    """
    target = find_target(state.task, state.files)
    runs = [await _run(bench, state, target)]
    first = runs[0]
    _refuse_what_decides_nothing(first, state)
    decides = state.task.mends or any(line.passed for line in first.lines)
    if decides and first.result.wall_s < AGAIN_UNDER_S and first.result.status != "timeout":
        runs.append(await _run(bench, state, target))
    flaky = _flaky(runs)
    lines = first.lines if not first.passed else runs[-1].lines
    said = next((line for line in lines if not line.passed and line.name not in flaky), None)
    failed = next((run for run in runs if not run.passed), None)
    return BaselineTaken(
        passed=all(run.passed for run in runs),
        tests=tuple(
            BaselineTest(name=line.name, passed=line.passed) for line in lines if line.name not in flaky
        ),
        flaky=flaky,
        first=said,
        feedback="" if failed is None else feedback([said] if said else [], failed.result, note=first.note),
        runs=len(runs),
        seconds=first.result.wall_s,
    )


async def _run(bench: Workbench, state: State, target: Target) -> TestRun:
    assert state.task.test_command is not None
    sandbox = await bench.candidate()
    await sandbox.lay(workspace_files(state, {}))
    seconds = state.settings.test_timeout_s
    return await run_tests(
        sandbox, state.task.test_command, ours=target.tests, limits=Limits(wall_s=seconds, cpu_s=seconds)
    )


def _flaky(runs: list[TestRun]) -> tuple[str, ...]:
    """Tests that ended differently on the same files."""
    ended = [{line.name: line.passed for line in run.lines} for run in runs]
    names = dict.fromkeys(name for run in ended for name in run)
    return tuple(name for name in names if len({run[name] for run in ended if name in run}) > 1)


def _refuse_what_decides_nothing(run: TestRun, state: State) -> None:
    command = " ".join(state.task.test_command or ())
    if run.note or (not run.lines and run.result.exit_code == _NO_TESTS):
        raise UsageError(
            f"The test command {command!r} runs no tests, so it can decide nothing. Name the tests that must "
            "pass, or write them first."
        )
    if not run.lines and (missing := _NOT_THERE.search(run.result.stderr)):
        raise UsageError(f"The test command {command!r} names what isn't in the folder: {missing[1]}.")
    if run.result.exit_code in (_NOT_FOUND, _NOT_EXECUTABLE) and len(run.lines) == 1:
        said = (run.result.stderr.strip().splitlines() or ["it is not there"])[-1]
        raise UsageError(
            f"The test command {command!r} can't be run in the sandbox: {said}. The sandbox has /usr, the "
            "task's interpreter and the folder's own files."
        )
    if broken := _unreadable(run.lines):
        where = f"{broken.path}, line {broken.line}" if broken.path else broken.name
        raise UsageError(
            f"The tests can't be read: {where}: {_error(broken)}. Tests are never changed here: "
            "mend that first."
        )


def _unreadable(lines: tuple[CheckLine, ...]) -> CheckLine | None:
    """The first test file with a syntax error of its own, where nothing at all could be run for it."""
    if not lines or any(line.passed for line in lines):
        return None
    broken = [line for line in lines if "SyntaxError" in line.message or "IndentationError" in line.message]
    if len(broken) < len(lines):
        return None
    return next((line for line in broken if line.path is not None and is_test(line.path)), None)


def _error(line: CheckLine) -> str:
    found = [text.strip() for text in line.message.splitlines() if "Error:" in text]
    return found[-1] if found else "syntax error"
