"""Check before the first model call that sandboxes, the tests, and a useful test command exist."""

import ast
import posixpath
import re
import shlex
import sys
from collections.abc import Mapping, Sequence

from coder.base.errors import LimitTooLow, PackagesMissing, UsageError
from coder.config.project_tests.find import inner_command
from coder.environment.workbench import Workbench
from coder.run.command_inputs import reporter_arguments, split_assignments, split_folder, uses_pytest
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target, is_test
from coder.run.task import Task
from coder.run.verdict_words import join_names
from coder.source.manifests import are_declared, is_ignored_module
from coder.source.python_names import imported_modules, parse_source
from coder.source.shell import format_command
from coder.verify.finding import Finding, cause_of
from sandbox import Command, Sandbox

_USAGE, _NO_TESTS = 4, 5
"""Exit codes of pytest; unittest shares the last one."""
_NOT_EXECUTABLE, _NOT_FOUND = 126, 127
_MISSING_PATH = re.compile(r"^ERROR: file or directory not found: (.+)$", re.MULTILINE)
_MISSING_PLUGIN = re.compile(r"\b(unrecognized arguments|Missing required plugins): (.+)$", re.MULTILINE)
_MISSING_TARGET = re.compile(
    r"^g?make: \*\*\* (No (?:rule to make target '[^'\n]+'\.|targets\b.*\bno makefile))", re.MULTILINE
)
_MISSING_MODULE = re.compile(r"\A\S*python[\d.]*: No module named '?([\w.]+)'?\Z")
"""The whole message of an interpreter without the module that `-m` names."""


class PytestMissing(PackagesMissing):
    """The task's interpreter can't import pytest."""


async def prepare(
    bench: Workbench, task: Task, files: Mapping[str, StoredFile], *, target: Target, early: bool = True
) -> None:
    """Open the sandboxes that the task needs, and check that its tests can run.

    Args:
        target: what the task names in the files.
        early: whether the first turn is likely to write code (`Workbench.open`).

    Raises:
        UsageError: a test command, a test file or pytest is missing, or a check asserts nothing; no model
            was called.
        SandboxError: no sandbox can be opened.
    """
    for check in task.checks:
        _require_effect(check)
    uses_checker = bool(task.checks or task.test_files)
    module = target.module.partition(".")[0]
    if uses_checker and module in sys.stdlib_module_names:
        raise UsageError(
            f"{module} is the name of a module of Python itself, so a check can't tell yours from it. "
            "Name the file something else."
        )
    await bench.open(
        *(("candidate", "checker") if uses_checker else ("candidate",)), early=early or uses_checker
    )
    if bench.policy.kernel:
        from sandbox.kernel.kernel import require_kernel

        await require_kernel(await bench.candidate(), bench.policy)
    if task.test_command and not task.found:
        await check_command(bench, task, files, is_empty=target.writes_tests)
    if any("pytest" in imported_modules(test.text) for test in task.test_files):
        await _require_pytest(bench)


def _require_effect(check: str) -> None:
    """Raise UsageError if a check states a condition without `assert`, as it would always pass."""
    tree = parse_source(check)
    for node in tree.body if tree is not None else ():
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Compare | ast.BoolOp | ast.UnaryOp):
            text = ast.unparse(node)
            raise UsageError(f"The check `{text}` decides nothing without assert. Write: assert {text}")


async def check_command(
    bench: Workbench, task: Task, files: Mapping[str, StoredFile], *, is_empty: bool = False
) -> None:
    """Raise UsageError if the program or the script of the test command, or pytest, is missing."""
    assert task.test_command is not None
    folder, argv = split_folder(task.test_command)[0], split_assignments(task.test_command)[1]
    if uses_pytest(argv):
        await _require_pytest(bench)
        if not (files or is_empty or any(is_test(test.path) for test in task.test_files)):
            raise UsageError(
                f"The test command {' '.join(argv)!r} has no tests to run: {task.workspace or 'the task'} "
                "holds no test_*.py or *_test.py. Give one with --test-file; or name an empty folder as "
                "PATH, and the model writes code and tests."
            )
        return
    script = _script(argv)
    if script is None:
        await _check_program(await bench.candidate(), argv, files, folder)
        return
    paths = {*files, *(test.path for test in task.test_files)}
    if script != "-m" and posixpath.normpath(posixpath.join(folder, script)) not in paths and not is_empty:
        place = task.workspace or "the task (give the folder as PATH)"
        advice = advice_for_one_file(task)
        raise UsageError(f"The test command runs {script}, and there is no such file in {place}.{advice}")


def _script(argv: Sequence[str]) -> str | None:
    """Return the file that a command runs, or `-m` for a Python module; None for a program."""
    inner = reporter_arguments(argv)
    if inner is not None:
        return inner[0]
    return argv[0] if "/" in argv[0] and not argv[0].startswith("/") else None


async def _check_program(
    sandbox: Sandbox, argv: Sequence[str], files: Mapping[str, StoredFile], folder: str
) -> None:
    name = argv[0]
    if "/" in name and posixpath.normpath(posixpath.join(folder, name)) in files:
        return
    if not (await sandbox.run(Command(argv=("sh", "-c", 'command -v "$0"', name)))).ok:
        advice = _started_by(argv, files) or (
            "Install it below /usr, or into the virtual environment that --python names."
        )
        raise UsageError(
            f"The test command {name!r} is not in the sandbox, which has /usr and the task's interpreter "
            f"only. {advice}"
        )


def _started_by(argv: Sequence[str], files: Mapping[str, StoredFile]) -> str:
    """Return advice to name the command that tox or a similar tool starts, if it is known; else nothing."""
    texts = {path: file.text for path, file in files.items() if file.text is not None}
    inner = inner_command(tuple(argv), texts)
    return f"Name what it runs: --test {shlex.quote(format_command(inner))}" if inner is not None else ""


async def _require_pytest(bench: Workbench) -> None:
    from coder.environment.python_line import has_pytest  # imported late: many commands aren't pytest

    if not await has_pytest(bench):
        raise PytestMissing(
            "The tests need pytest, and the task's interpreter has none. Have it installed: --install, or "
            "install it into a virtual environment beside the code (python3 -m venv .venv && "
            ".venv/bin/pip install pytest), or name another interpreter with --python."
        )


def advice_for_one_file(task: Task) -> str:
    """Return advice if no tests are found and PATH is a file; else an empty string."""
    path = task.workspace
    if path is None or path.is_dir():
        return ""
    return f" PATH names the file {path.name} alone, so that nothing beside it is there: name its folder."


def require_online(run: Finding, state: State) -> None:
    """Raise UsageError if, without the tests that fail for want of the network, nothing is left to decide.

    A test that lacks a service is left, as the code may connect to a wrong port. pytest runs no test if it
    can't collect a file, so that a file can't be left out.
    """
    offline = {name for name, lack in run.lacks.items() if lack == "network"}
    others = [line for line in run.lines if line.name not in offline]
    has_work = any(not line.passed for line in others) or not state.task.mends
    is_collected = bool(run.passing) or run.pytest is None or all("::" in name for name in offline)
    if offline and not (others and has_work and is_collected):
        hosts = cause_of(run, state.files)[1]
        raise UsageError(
            f"The test command {format_command(state.task.test_command or ())!r} fails for want of the "
            f"network in {join_names(sorted(offline))}, which no change can mend. --network "
            f"{hosts[0] if hosts else 'HOST'} lets the tests reach it; or name a command without them."
        )


def require_decisive_command(
    run: Finding, state: State, *, missing: Sequence[str], missing_programs: Sequence[str] = ()
) -> None:
    """Check that an answer can change the result of the command on the untouched files.

    Args:
        missing: modules that the command reports as not installed.
        missing_programs: programs that the command wants and the sandbox doesn't have.

    Raises:
        UsageError: no answer can change the result; the message says what to do.
        LimitTooLow: the sandbox's limit of memory decides it.
    """
    command = f"The test command {format_command(state.task.test_command or ())!r}"
    _require_memory(run, state, command)
    stderr, exit_code = run.result.stderr, run.result.exit_code
    if run.note or (not run.lines and exit_code == _NO_TESTS):
        advice = advice_for_one_file(state.task) or " Name the tests that must pass, or write them first."
        raise UsageError(f"{command} runs no tests, so it can't show that the task is done.{advice}")
    if not run.lines and (missing_path := _MISSING_PATH.search(stderr)):
        explanation = f"{command} names a path that isn't in the folder: {missing_path[1]}."
        raise UsageError(f"{explanation}{advice_for_one_file(state.task)}")
    if not state.settings.allow and (make_error := _MISSING_TARGET.search(stderr)):
        raise UsageError(f"{command} can't be run: {make_error[1].rstrip('.')}. Write the Makefile first.")
    if not run.lines and exit_code == _USAGE and (plugin := _MISSING_PLUGIN.search(stderr)):
        raise UsageError(
            f"{command} can't be run: {plugin[0]}. A plugin of pytest's isn't installed where the tests run. "
            "Have the tests get it with --install-with 'pip install NAME'. Or run them without the options "
            "of the settings: pytest -o addopts="
        )
    texts = {path: file.text for path, file in state.files.items()}
    if missing_programs:
        error_type = PackagesMissing if are_declared(missing_programs, texts) else UsageError
        raise error_type(
            f"{command} wants {', '.join(missing_programs)}, which is not in the sandbox: it has /usr, the "
            "task's interpreter and the folder's own files. Install it below /usr, or into the virtual "
            "environment that --python names; have the folder's dependencies installed with --install; or "
            "name the command that it starts, such as --test 'pytest -q'."
        )
    if exit_code in (_NOT_FOUND, _NOT_EXECUTABLE) and len(run.lines) == 1:
        reason = (stderr.strip().splitlines() or ["it is not there"])[-1]
        raise UsageError(
            f"{command} can't be run in the sandbox: {reason}. It has /usr, the task's interpreter and "
            "the folder's own files."
        )
    cause, hosts = cause_of(run, state.files)
    if cause == "network" and not run.names_tests:
        other_way = " Or name the command that it starts, such as --test 'pytest -q'."
        started = _started_by(split_assignments(state.task.test_command or ())[1], state.files)
        raise UsageError(
            f"{command} can't be run without the network. --network {hosts[0] if hosts else 'HOST'} lets it "
            f"reach it.{started or other_way}"
        )
    if module := _MISSING_MODULE.search(stderr.strip()):
        error_type = PackagesMissing if are_declared([module[1].partition(".")[0]], texts) else UsageError
        raise error_type(
            f"{command} can't be run: the task's interpreter has no module {module[1]}. Have it installed "
            "with --install where the folder declares it, else with --install-with 'pip install NAME'; or "
            "install it into the virtual environment that --python names."
        )
    if run.passing:
        return
    if ignored := [name for name in missing if is_ignored_module(name, texts)]:
        raise UsageError(
            f"The tests need {', '.join(ignored)}, which the sandbox doesn't have, as git ignores it: "
            f"nothing runs without. Have it copied there: --show {ignored[0]}.py"
        )
    if declared := [name for name in missing if are_declared([name], texts)]:
        raise PackagesMissing(
            f"The tests need {', '.join(declared)}, which isn't installed: nothing runs without. Have it "
            "installed for the tests alone with --install, or install it into .venv yourself."
        )


def _require_memory(run: Finding, state: State, command: str) -> None:
    """Raise LimitTooLow if only the usual limit of memory ended the command; a given one is meant."""
    limit_mb = state.settings.memory
    is_usual = limit_mb == type(state.settings).model_fields["memory"].default
    if run.result.status == "oom" and is_usual and not run.reached:
        raise LimitTooLow(
            f"{command} was ended at the sandbox's limit of {limit_mb:,} MiB of memory, and no test failed "
            f"for another reason. Give it more: --memory {4 * limit_mb}. If it fails there, too, a model is "
            "asked."
        )
