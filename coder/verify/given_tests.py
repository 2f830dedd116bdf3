"""What the suite says of given tests that a change edits, renames or deletes, as given and as edited.

They decide as given. Where only these are red, the change contradicts them, and the user decides.
"""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from coder.run.command_inputs import uses_pytest
from coder.run.message import CheckLine, CodeMessage, Outcome
from coder.run.state import State
from coder.run.target import is_test
from coder.run.termination import join_names
from coder.verify.cut_runs import reach_baseline
from coder.verify.finding import Finding, feedback, gist
from coder.verify.ordered_edits import are_ordered
from coder.verify.regressions import is_red_as_before, judge, red_in, was_run, without_tests_of
from coder.verify.trial_outcomes import reproduced_outcome
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files


def red_where_edited(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """The given tests that fail, if the change edits the files of all of them; else none.

    Where it edits settings or helpers of tests, these may be why any test fails.
    """
    if outcome.passed or outcome.verified != "tests":
        return ()
    mends, baseline = state.task.mends, state.progress.baseline
    if names := red_in(code.changes.test_edits, outcome.checks, baseline, mends=mends):
        return names
    before = baseline.before if baseline is not None else {}
    others = tuple(path for path in code.changes.test_edits if not was_run(path, before))
    failing = [line.name for line in outcome.checks if not line.passed]
    red = tuple(name for name in failing if mends or before.get(name, True))
    return (red or tuple(filter(is_test, others)) or others) if others else ()


def unreported(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Files of given tests that a passing change edits and the test command doesn't run."""
    if not outcome.passed or state.task.test_command is None or not uses_pytest(state.task.test_command):
        return ()
    names = {path: PurePosixPath(path).name for path in code.changes.test_edits if path in state.files}
    tests = [path for path, name in names.items() if name.startswith("test_") or name.endswith("_test.py")]
    ran = [line.name for line in outcome.checks]
    return tuple(path for path in tests if path.endswith(".py") and not was_run(path, ran))


async def as_edited(on: Verification, code: CodeMessage, outcome: Outcome) -> Outcome:
    """Return the outcome of a change, with the result of the suite that includes its edits of given tests."""
    if outcome.passed and code.changes.files:
        return await _collected(on, code, outcome)
    await on.lay_over(code.changes.files, test_edits=code.changes.test_edits)
    run = await on.command()
    if on.state.progress.baseline is not None and on.state.progress.baseline.is_cut:
        files = workspace_files(on.state, code.changes.files, test_edits=code.changes.test_edits)
        run = await reach_baseline(on, files, run, on.state.progress.baseline)
    reds = red_where_edited(on.state, code, outcome)
    if _passes(run, on.state, code):
        if not reds:
            return outcome.model_copy(update={"unshown": "it changes given tests alone"})
        return await _contradicting(on, code, outcome, run, reds)
    known_names = {line.name for line in outcome.checks} if reds else set()
    hidden = [line for line in run.failing if line.name not in known_names]
    if reds:
        hidden = [line for line in hidden if line.path not in code.changes.test_edits]
    if not hidden and not (run.is_cut and outcome.passed):
        return outcome
    too = (
        f"\nOf the given tests that you change, these fail as they were: {join_names(reds)}." if reds else ""
    )
    text = feedback(hidden, run.result, stop=run.stop)
    failed = {"passed": False, "feedback": f"{text}{too}", "gist": gist(run.result, stop=run.stop)}
    return outcome.model_copy(update={**failed, "checks": _merged(hidden, run.lines)})


async def _contradicting(
    on: Verification, code: CodeMessage, outcome: Outcome, run: Finding, reds: tuple[str, ...]
) -> Outcome:
    """Return the outcome of a change contradicted only by given tests that it edits; the task may order it.

    Args:
        run: of the suite with the change and its edits.
    """
    by: tuple[str, ...] = ()
    if code.changes.files and run.passing.issuperset(reds):
        await on.lay_over({}, test_edits=code.changes.test_edits)
        by = reds if (await on.command(only=reds)).reached.issuperset(reds) else ()
    if not by or not _are_ordered(on.state, code, reds):
        changes = {"contradicts": reds, "checks": _merged(outcome.checks, run.lines), "reproduced_by": by}
        return outcome.model_copy(update=changes)
    passed = {"passed": True, "feedback": "", "gist": "", "cause": None, "lacks": (), "checks": run.lines}
    return reproduced_outcome(outcome, by).model_copy(update={**passed, "ordered": reds})


def _are_ordered(state: State, code: CodeMessage, reds: Collection[str]) -> bool:
    """Whether the user's own task says what all the edited tests expect now."""
    if not state.task.is_users or state.progress.baseline is None:
        return False
    texts = {path: state.files[path].text for path in code.changes.test_edits if path in state.files}
    return all(state.progress.baseline.before.get(name) for name in reds) and all(
        edit is not None
        and was_run(path, reds)
        and are_ordered(state.task.prompt, texts.get(path) or "", edit)
        for path, edit in code.changes.test_edits.items()
    )


async def _collected(on: Verification, code: CodeMessage, outcome: Outcome) -> Outcome:
    """Fail a passing change if a given test that it edits can't be collected without these edits."""
    paths = unreported(on.state, code, outcome)
    await on.lay_over(code.changes.files)
    broken = await _uncollected(on, paths)
    if broken:
        await on.lay_over({})
        before = {line.name for line in await _uncollected(on, paths)}
        broken = [line for line in broken if line.name not in before]
    if not broken:
        return outcome
    await on.lay_over(code.changes.files, test_edits=code.changes.test_edits)
    remaining = [path for path in paths if code.changes.test_edits[path] is not None]
    still = await _uncollected(on, remaining) if remaining else []
    contradicts = () if still else tuple(line.name for line in broken)
    failed = {"passed": False, "verified": "tests", "feedback": feedback(still or broken)}
    return outcome.model_copy(
        update={**failed, "contradicts": contradicts, "checks": _merged(still or broken, outcome.checks)}
    )


async def _uncollected(on: Verification, paths: Sequence[str]) -> list[CheckLine]:
    """What of these files pytest can't collect in the candidate's workspace."""
    argv = ("python", "-m", "pytest", "-q", "--collect-only", *paths)
    run = await on.command(argv, is_shown=False)
    stopped = [CheckLine(name=run.running or paths[0], passed=False, message=run.stop)] if run.is_cut else []
    return [*run.failing, *stopped]


def _passes(run: Finding, state: State, code: CodeMessage) -> bool:
    """Whether only tests fail that failed before, in files that the change leaves as they are."""
    others = without_tests_of(code.changes.test_edits, state.progress.baseline)
    given_paths = {test.path for test in state.task.test_files}
    if not run.names_tests:
        return False
    if judge(run, others, mends=state.task.mends, given_paths=given_paths).passed:
        return True
    if others is None or state.task.mends or not (run.complete or (run.is_cut and others.is_cut)):
        return False
    return is_red_as_before(run.lines, others, given_paths=given_paths)


def _merged(first: Collection[CheckLine], lines: Collection[CheckLine]) -> tuple[CheckLine, ...]:
    """The failures of one run, and all tests of another one."""
    failed = tuple(line for line in first if not line.passed)
    names = {line.name for line in failed}
    return (*failed, *(line for line in lines if line.name not in names))
