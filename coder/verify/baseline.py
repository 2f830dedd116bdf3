"""Baseline: how the test command ends on the untouched files, before the work or beside its first calls.

It is run twice where that doesn't take long and something may come of it: tests that then end differently are
flaky. What was red before is known from here on, and a command that can't decide anything is refused here.
"""

import re

from coder.environment.workbench import Workbench
from coder.errors import UsageError
from coder.run.event_types import LONG_TESTS_S, BaselineTaken, BaselineTest
from coder.run.message import CheckLine
from coder.run.state import State
from coder.run.target import Target, find_target, is_greenfield, is_test
from coder.source.manifests import are_declared, missing_modules
from coder.source.shell import shown
from coder.verify.feedback import failures, feedback
from coder.verify.preflight import beside_one_file
from coder.verify.setup_errors import broken_setup
from coder.verify.test_command import TestRun, run_tests
from coder.workspace.overlay import workspace_files
from sandbox import Limits

_NO_TESTS = 5
"""Exit code of pytest and unittest where they have found nothing."""
_NOT_THERE = re.compile(r"^ERROR: file or directory not found: (.+)$", re.MULTILINE)
"""What pytest says of a path."""
_NO_TARGET = re.compile(
    r"^g?make: \*\*\* No (?:rule to make target '[^'\n]+'\.|targets\b.*\bno makefile)", re.MULTILINE
)
"""What make says of what it was asked for: no answer may write the Makefile that has it."""
_NO_MODULE = re.compile(r"\A\S*python[\d.]*: No module named '?([\w.]+)'?\Z")
"""All that an interpreter says of a module that `-m` names."""
_USAGE = 4
"""Exit code of pytest where its options, or those of its settings, are wrong."""
_NO_OPTION = re.compile(r"^.*\berror: unrecognized arguments: (.+)(?:\n  inifile: (.+))?", re.MULTILINE)
_NO_PLUGIN = re.compile(r"^.*\bMissing required plugins: (.+)$", re.MULTILINE)
_PLUGINS = {
    "--cov": "pytest-cov",
    "--no-cov": "pytest-cov",
    "-n": "pytest-xdist",
    "--numprocesses": "pytest-xdist",
    "--dist": "pytest-xdist",
    "--timeout": "pytest-timeout",
    "--asyncio-mode": "pytest-asyncio",
    "--benchmark": "pytest-benchmark",
    "--randomly": "pytest-randomly",
    "--reruns": "pytest-rerunfailures",
    "--mypy": "pytest-mypy",
    "--black": "pytest-black",
    "--flake8": "pytest-flake8",
    "--html": "pytest-html",
    "--ds": "pytest-django",
}
"""Who has options that pytest itself doesn't know."""
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126


def wants_baseline(state: State) -> bool:
    """Whether there is something to run before the work, and it hasn't been."""
    if state.baseline is not None or state.task.test_command is None:
        return False
    return bool(state.files) and not is_greenfield(state.task, state.files)


async def take_baseline(bench: Workbench, state: State) -> BaselineTaken:
    """Run the test command on the untouched files.

    Raises:
        UsageError: it isn't there, or has no tests to run, or can't read them.
        SandboxError: the sandbox itself failed.
    """
    target = find_target(state.task, state.files)
    runs = [await _run(bench, state, target)]
    first = runs[0]
    _refuse_what_decides_nothing(first, state, target)
    _refuse_what_is_not_installed(first, state)
    decides = state.task.mends or any(line.passed for line in first.lines)
    if decides and first.result.wall_s < LONG_TESTS_S and first.result.status != "timeout":
        runs.append(await _run(bench, state, target))
    flaky = _flaky(runs)
    lines = first.lines if not first.passed else runs[-1].lines
    red = [line for line in lines if not line.passed and line.name not in flaky]
    failed = next((run for run in runs if not run.passed), None)
    return BaselineTaken(
        passed=all(run.passed for run in runs),
        tests=tuple(
            BaselineTest(name=line.name, passed=line.passed) for line in lines if line.name not in flaky
        ),
        flaky=flaky,
        first=red[0] if red else None,
        feedback="" if failed is None else feedback(red, failed.result, note=first.note),
        failures="" if failed is None else failures(red, failed.result, note=first.note),
        runs=len(runs),
        seconds=first.result.wall_s,
        told=first.told,
        missing=_missing(first, state),
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


def _refuse_what_decides_nothing(run: TestRun, state: State, target: Target) -> None:
    command = shown(state.task.test_command or ())
    if run.note or (not run.lines and run.result.exit_code == _NO_TESTS):
        advice = beside_one_file(state.task) or " Name the tests that must pass, or write them first."
        raise UsageError(f"The test command {command!r} runs no tests, so it can decide nothing.{advice}")
    if not run.lines and (missing := _NOT_THERE.search(run.result.stderr)):
        what = f"The test command {command!r} names what isn't in the folder: {missing[1]}."
        raise UsageError(what + beside_one_file(state.task))
    if not state.settings.allow and (missing := _NO_TARGET.search(run.result.stderr)):
        said = missing[0].partition("*** ")[2].rstrip(".")
        raise UsageError(
            f"The test command {command!r} can't be run: {said}. The Makefile is yours to write."
        )
    if not run.lines and run.result.exit_code == _USAGE:
        _refuse_unknown_options(command, run.result.stderr)
    if run.result.exit_code in (_NOT_FOUND, _NOT_EXECUTABLE) and len(run.lines) == 1:
        said = (run.result.stderr.strip().splitlines() or ["it is not there"])[-1]
        raise UsageError(
            f"The test command {command!r} can't be run in the sandbox: {said}. The sandbox has /usr, the "
            "task's interpreter and the folder's own files."
        )
    if missing := _NO_MODULE.search(run.result.stderr.strip()):
        raise UsageError(
            f"The test command {command!r} can't be run: the task's interpreter has no module {missing[1]}. "
            "Install it into the virtual environment that --python names."
        )
    if reason := broken_setup(run, state, target):
        raise UsageError(
            f"The test command {command!r} breaks before its first test: {reason}. No answer may change it: "
            "mend it first."
        )
    if broken := _unreadable(run.lines):
        where = f"{broken.path}, line {broken.line}" if broken.path else broken.name
        raise UsageError(
            f"The tests can't be read: {where}: {_error(broken)}. Tests are never changed here: "
            "mend that first."
        )


def _refuse_unknown_options(command: str, said: str) -> None:
    """No answer may change pytest's settings, nor install what they want."""
    if wanted := _NO_PLUGIN.search(said):
        plugins, what = wanted[1].split(", "), f"it wants {wanted[1]}"
    elif unknown := _NO_OPTION.search(said):
        where = f" in {unknown[2].rpartition('/')[2]}" if unknown[2] else ""
        begins = [name for word in unknown[1].split() for name in _PLUGINS if word.startswith(name)]
        plugins = sorted({_PLUGINS[name] for name in begins})
        what = f"it doesn't know {unknown[1]}{where}"
    else:
        return
    names = " ".join(plugins)
    install = f" Have the tests get it with --install-with 'pip install {names}'." if names else ""
    raise UsageError(
        f"The test command {command!r} can't be run: {what}. That is a plugin of pytest's, which isn't "
        f"installed where the tests run.{install} Or run them without the options of the settings: "
        "pytest -o addopts="
    )


def _missing(run: TestRun, state: State) -> tuple[str, ...]:
    """What isn't installed, as far as the command says so."""
    if run.passed:
        return ()
    said = "\n".join([run.result.stdout, run.result.stderr, *(line.message for line in run.lines)])
    return missing_modules(said, state.files)


def _refuse_what_is_not_installed(run: TestRun, state: State) -> None:
    """No model mends that where nothing runs without it, and the folder's manifests say that it is needed."""
    missing = _missing(run, state)
    texts = {path: file.text for path, file in state.files.items()}
    if missing and not any(line.passed for line in run.lines) and are_declared(missing, texts):
        raise UsageError(
            f"The tests need {', '.join(missing)}, which isn't installed: nothing runs without. Have it "
            "installed for the tests alone with --install, or install it into .venv yourself."
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
