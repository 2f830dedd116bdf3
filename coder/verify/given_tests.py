"""Given tests that a change edits, renames or deletes: what the suite says with them, and as they become.

They decide as they were given. Where only these are red, the change contradicts them, and the user decides.
"""

from collections.abc import Collection
from pathlib import PurePosixPath

from coder.environment.workbench import Workbench
from coder.run.command_inputs import uses_pytest
from coder.run.message import CheckLine, Message, Outcome
from coder.run.state import State
from coder.run.target import Target, is_test
from coder.run.termination import named
from coder.verify.feedback import feedback, gist
from coder.verify.regressions import is_red_as_before, judge, red_in, was_run, without_tests_of
from coder.verify.test_command import TestRun, run_tests
from coder.verify.test_command_verifier import run_command
from coder.workspace.overlay import workspace_files
from sandbox import Limits


def red_where_edited(state: State, code: Message, outcome: Outcome) -> tuple[str, ...]:
    """The given tests that fail, where the change edits the files of all of them; else none.

    Any that fails may do so for a file of no test that the change edits: settings, or helpers of tests.
    """
    if outcome.passed or outcome.verified != "tests":
        return ()
    mends, baseline = state.task.mends, state.baseline
    if names := red_in(code.test_edits, outcome.checks, baseline, mends=mends):
        return names
    before = {test.name: test.passed for test in baseline.tests} if baseline is not None else {}
    known = [CheckLine(name=name, passed=passed) for name, passed in before.items()]
    others = tuple(path for path in code.test_edits if not was_run(path, known))
    failing = [line.name for line in outcome.checks if not line.passed]
    red = tuple(name for name in failing if mends or before.get(name, True))
    return (red or tuple(filter(is_test, others)) or others) if others else ()


def unreported(state: State, code: Message, outcome: Outcome) -> tuple[str, ...]:
    """Files of given tests that a change which passes edits, and that its test command doesn't run."""
    if not outcome.passed or state.task.test_command is None or not uses_pytest(state.task.test_command):
        return ()
    names = {path: PurePosixPath(path).name for path in code.test_edits if path in state.files}
    tests = [path for path, name in names.items() if name.startswith("test_") or name.endswith("_test.py")]
    return tuple(path for path in tests if path.endswith(".py") and not was_run(path, outcome.checks))


async def as_edited(
    bench: Workbench, state: State, target: Target, code: Message, outcome: Outcome
) -> Outcome:
    """The outcome of a change with what the suite says where given tests are as the change makes them.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    if outcome.passed and code.files:
        return await _collected(bench, state, target, code, outcome)
    await _lay(bench, state, code)
    run = await run_command(bench, state, ours=target.tests)
    reds = red_where_edited(state, code, outcome)
    if _passes(run, state, code):
        shown = {"contradicts": reds, "checks": _merged(outcome.checks, run.lines)}
        return outcome.model_copy(update=shown if reds else {"unshown": "it changes given tests alone"})
    told = {line.name for line in outcome.checks} if reds else set()
    hidden = [line for line in run.lines if not line.passed and line.name not in told]
    if reds:
        hidden = [line for line in hidden if line.path not in code.test_edits]
    if not hidden:
        return outcome
    too = f"\nOf the given tests that you change, these fail as they were: {named(reds)}." if reds else ""
    failed = {"passed": False, "feedback": f"{feedback(hidden, run.result)}{too}", "gist": gist(run.result)}
    return outcome.model_copy(update={**failed, "checks": _merged(hidden, run.lines)})


async def _collected(
    bench: Workbench, state: State, target: Target, code: Message, outcome: Outcome
) -> Outcome:
    """A change that passes fails where a given test that it edits can't be collected without these edits."""
    paths = unreported(state, code, outcome)
    await _lay(bench, state, code, edited=False)
    broken = await _uncollected(bench, state, target, paths)
    if broken:
        await (await bench.candidate()).lay(workspace_files(state, {}))
        before = {line.name for line in await _uncollected(bench, state, target, paths)}
        broken = [line for line in broken if line.name not in before]
    if not broken:
        return outcome
    await _lay(bench, state, code)
    left = [path for path in paths if code.test_edits[path] is not None]
    still = await _uncollected(bench, state, target, left) if left else []
    contradicts = () if still else tuple(line.name for line in broken)
    failed = {"passed": False, "verified": "tests", "feedback": feedback(still or broken, None)}
    return outcome.model_copy(
        update={**failed, "contradicts": contradicts, "checks": _merged(still or broken, outcome.checks)}
    )


async def _uncollected(
    bench: Workbench, state: State, target: Target, paths: Collection[str]
) -> list[CheckLine]:
    """What of these files pytest can't collect in the candidate's workspace."""
    argv = ("python", "-m", "pytest", "-q", "--collect-only", *paths)
    seconds = state.settings.test_timeout_s
    limits = Limits(wall_s=seconds, cpu_s=seconds)
    run = await run_tests(await bench.candidate(), argv, ours=target.tests, limits=limits)
    return [line for line in run.lines if not line.passed]


async def _lay(bench: Workbench, state: State, code: Message, *, edited: bool = True) -> None:
    files = workspace_files(state, code.files, test_edits=code.test_edits if edited else None)
    await (await bench.candidate()).lay(files)


def _passes(run: TestRun, state: State, code: Message) -> bool:
    """Whether nothing is red but what was so before the work, in files that the change leaves as they are."""
    others = without_tests_of(code.test_edits, state.baseline)
    given = {test.path for test in state.task.test_files}
    if not run.told:
        return False
    if judge(run, others, mends=state.task.mends, given=given).passed:
        return True
    is_whole = others is not None and run.complete and not state.task.mends
    return is_whole and others is not None and is_red_as_before(run.lines, others, given=given)


def _merged(first: Collection[CheckLine], lines: Collection[CheckLine]) -> tuple[CheckLine, ...]:
    """The failures of one run, and all tests of another one."""
    failed = tuple(line for line in first if not line.passed)
    names = {line.name for line in failed}
    return (*failed, *(line for line in lines if line.name not in names))
