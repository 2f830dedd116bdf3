"""What must be there before any model is called: sandboxes, the test command, the tests."""

import asyncio
import sys
from collections.abc import Mapping, Sequence

from coder.environment.workbench import Workbench
from coder.errors import UsageError
from coder.run.command_inputs import parted, reported, uses_pytest
from coder.run.stored_file import StoredFile
from coder.run.target import find_target, is_greenfield, is_test
from coder.run.task import Task
from coder.source.python_names import imported_modules
from sandbox import Command, PythonCode, Sandbox


async def prepare(bench: Workbench, task: Task, files: Mapping[str, StoredFile]) -> None:
    """Open what the task needs and see that its tests can run.

    Raises:
        UsageError: a test command, a test file or pytest is missing; nothing was called.
        SandboxError: no sandbox can be opened.
    """
    by_call = bool(task.checks or task.test_files)
    module = find_target(task, files).module.partition(".")[0]
    if by_call and module in sys.stdlib_module_names:
        raise UsageError(
            f"{module} is the name of a module of Python itself, so a check can't tell yours from it. "
            "Name the file something else."
        )
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(bench.candidate())
            if by_call:
                group.create_task(bench.checker())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    if bench.policy.kernel:
        from sandbox.kernel.cells import require_kernel

        await require_kernel(await bench.candidate(), bench.policy)
    if task.test_command:
        await _see_command(await bench.candidate(), task, files)
    if any("pytest" in imported_modules(test.text) for test in task.test_files):
        await _see_pytest(await bench.candidate())


async def _see_command(sandbox: Sandbox, task: Task, files: Mapping[str, StoredFile]) -> None:
    assert task.test_command is not None
    argv, is_empty = parted(task.test_command)[1], is_greenfield(task, files)
    if uses_pytest(argv):
        await _see_pytest(sandbox)
        if not (files or is_empty or any(is_test(test.path) for test in task.test_files)):
            raise UsageError(
                f"The test command {' '.join(argv)!r} has no tests to run: {task.workspace or 'the task'} "
                "holds no test_*.py or *_test.py. Give one with --test-file; or name an empty folder as "
                "PATH, and the model writes code and tests."
            )
        return
    script = _script(argv)
    if script is None:
        await _see_program(sandbox, "test command", argv[0], files)
        return
    given = {*files, *(test.path for test in task.test_files)}
    if script != "-m" and script.removeprefix("./") not in given and not is_empty:
        where = task.workspace or "the task (give the folder as PATH)"
        advice = beside_one_file(task)
        raise UsageError(f"The test command runs {script}, and there is no such file in {where}.{advice}")


def _script(argv: Sequence[str]) -> str | None:
    """The file of the folder that a command runs, or `-m` for a module of Python's; None for a program."""
    inner = reported(argv)
    if inner is not None:
        return inner[0]
    return argv[0] if "/" in argv[0] and not argv[0].startswith("/") else None


async def _see_program(sandbox: Sandbox, what: str, name: str, files: Mapping[str, StoredFile]) -> None:
    if "/" in name and name.removeprefix("./") in files:
        return
    if not (await sandbox.run(Command(argv=("sh", "-c", 'command -v "$0"', name)))).ok:
        raise UsageError(
            f"The {what} {name!r} is not in the sandbox, which has /usr and the task's interpreter only. "
            "Install it below /usr, or into the virtual environment that --python names."
        )


async def _see_pytest(sandbox: Sandbox) -> None:
    code = "import sys, importlib.util; sys.exit(importlib.util.find_spec('pytest') is None)"
    if not (await sandbox.run(PythonCode(source=code))).ok:
        raise UsageError(
            "The tests need pytest, and the task's interpreter has none. Have it installed: --install, or "
            "install it into a virtual environment beside the code (python3 -m venv .venv && "
            ".venv/bin/pip install pytest), or name another interpreter with --python."
        )


def beside_one_file(task: Task) -> str:
    """What to say where no tests are found and PATH is a file; empty where it is none."""
    path = task.workspace
    if path is None or path.is_dir():
        return ""
    return f" PATH names the file {path.name} alone, so that nothing beside it is there: name its folder."
