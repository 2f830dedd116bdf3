"""Judge given tests that a change edits, renames or deletes, in their original and edited forms.

The originals decide. If only these fail, the change contradicts them, and the user decides.
"""

from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from coder.run.command_inputs import uses_pytest
from coder.run.message import CheckLine, CodeMessage, Outcome
from coder.run.state import State
from coder.run.target import is_test
from coder.run.verdict_words import join_names
from coder.verify.added_tests import Logged
from coder.verify.cut_runs import reach_baseline
from coder.verify.finding import Finding, feedback, gist
from coder.verify.ordered_edits import are_ordered
from coder.verify.regressions import failures_in, is_red_as_before, judge, was_run, without_tests_of
from coder.verify.trial_outcomes import reproduced_outcome
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files


def failing_edited_tests(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Return the failing given tests if the change edits all of their files; else none.

    If the change edits settings or helpers of tests, these may be the reason why any test fails.
    """
    if outcome.passed or outcome.verified != "tests":
        return ()
    mends, baseline = state.task.mends, state.progress.baseline
    if names := failures_in(code.changes.test_edits, outcome.checks, baseline, mends=mends):
        return names
    results_before = baseline.before if baseline is not None else {}
    other_paths = tuple(path for path in code.changes.test_edits if not was_run(path, results_before))
    failing = [line.name for line in outcome.checks if not line.passed]
    new_failures = tuple(name for name in failing if mends or results_before.get(name, True))
    return (new_failures or tuple(filter(is_test, other_paths)) or other_paths) if other_paths else ()


def unreported_tests(state: State, code: CodeMessage, outcome: Outcome) -> tuple[str, ...]:
    """Return files of given tests that a passing change edits and the test command doesn't run."""
    if not outcome.passed or state.task.test_command is None or not uses_pytest(state.task.test_command):
        return ()
    names = {path: PurePosixPath(path).name for path in code.changes.test_edits if path in state.files}
    tests = [path for path, name in names.items() if name.startswith("test_") or name.endswith("_test.py")]
    test_names = [line.name for line in outcome.checks]
    return tuple(path for path in tests if path.endswith(".py") and not was_run(path, test_names))


async def weigh_tests(
    verification: Verification, code: CodeMessage, outcome: Outcome, logged: Logged
) -> Outcome:
    """Return the outcome of a change to given tests, or to files that may be a part of them."""
    state, changes = verification.state, code.changes
    is_tested = changes.test_edits and state.task.test_command is not None
    if is_tested and _needs_judgement(state, code, outcome):
        edited = workspace_files(state, changes.files, test_edits=changes.test_edits)
        async with logged("edited tests", edited):
            outcome = await _judge_edits(verification, code, outcome)
    if outcome.passed and changes.test_edits and not changes.files and not outcome.unshown:
        unshown = {"verified": "none", "unshown": "it changes given tests alone"}
        outcome = outcome.model_copy(update=unshown)
    unclear = [path for path in changes.files if state.target.is_unclear(path)]
    if outcome.passed and unclear:
        outcome = _limit_strength(outcome, unclear)
    support = [path for path in changes.files if state.target.is_support(path)]
    if not (support and outcome.passed and outcome.verified in ("tests", "reproduced")):
        return outcome
    files = {path: changes.files[path] for path in support}
    async with logged("test support", workspace_files(state, files)):
        return await _without_support_alone(verification, code, outcome, files)


async def _without_support_alone(
    verification: Verification, code: CodeMessage, outcome: Outcome, support: Mapping[str, str | None]
) -> Outcome:
    """Return the outcome; nothing shows it if the tests pass by changes of their support alone.

    Args:
        support: the changed files that are no code under test, and their texts.
    """
    state, names = verification.state, join_names([*support])
    unshown = f"it changes only what the tests and the test command use: {names}"
    if len(support) < len(code.changes.files):
        await verification.lay_over(support)
        run = await verification.run_command()
        before = state.progress.baseline.before if state.progress.baseline is not None else {}
        mended = {line.name for line in outcome.checks if line.passed and not before.get(line.name, True)}
        if not (run.passing.issuperset(mended) if mended else run.result.ok):
            return outcome
        unshown = f"the tests pass by what it changes of their own files alone: {names}"
    update = {"verified": "none", "strength": "none", "unshown": unshown, "test_support": tuple(support)}
    return outcome.model_copy(update=update)


def _needs_judgement(state: State, code: CodeMessage, outcome: Outcome) -> bool:
    """Return whether a change's edits of given tests must be run, as they or the verdict are open."""
    is_open = failing_edited_tests(state, code, outcome) or unreported_tests(state, code, outcome)
    return bool(is_open) or not code.changes.files


def _limit_strength(outcome: Outcome, unclear: Sequence[str]) -> Outcome:
    """Limit a success to strength `inside`, as changed files may be part of the tests; a note names them."""
    note = f"only the tests use these changed files, which may be a part of them: {join_names(unclear)}"
    return outcome.model_copy(
        update={
            "test_support": tuple(unclear),
            "strength": "inside" if outcome.strength == "outside" else outcome.strength,
            "note": " ".join(filter(None, (outcome.note, note))),
        }
    )


async def _judge_edits(verification: Verification, code: CodeMessage, outcome: Outcome) -> Outcome:
    """Return the outcome of a change, with the result of the suite that includes its edits of given tests."""
    if outcome.passed and code.changes.files:
        return await _require_collection(verification, code, outcome)
    await verification.lay_over(code.changes.files, test_edits=code.changes.test_edits)
    run = await verification.run_command()
    if verification.state.progress.baseline is not None and verification.state.progress.baseline.is_cut:
        files = workspace_files(verification.state, code.changes.files, test_edits=code.changes.test_edits)
        run = await reach_baseline(verification, files, run, verification.state.progress.baseline)
    contradicting = failing_edited_tests(verification.state, code, outcome)
    if _passes(run, verification.state, code):
        if not contradicting:
            return outcome.model_copy(update={"unshown": "it changes given tests alone"})
        return await _contradicted_outcome(verification, code, outcome, run, contradicting)
    known_names = {line.name for line in outcome.checks} if contradicting else set()
    new_failures = [line for line in run.failing if line.name not in known_names]
    if contradicting:
        new_failures = [line for line in new_failures if line.path not in code.changes.test_edits]
    if not new_failures and not (run.is_cut and outcome.passed):
        return outcome
    addition = (
        f"\nOf the given tests that you change, these fail as they were: {join_names(contradicting)}."
        if contradicting
        else ""
    )
    text = feedback(new_failures, run.result, stop=run.stop)
    failure_fields = {
        "passed": False,
        "feedback": f"{text}{addition}",
        "gist": gist(run.result, stop=run.stop),
    }
    return outcome.model_copy(update={**failure_fields, "checks": _merge_lines(new_failures, run.lines)})


async def _contradicted_outcome(
    verification: Verification,
    code: CodeMessage,
    outcome: Outcome,
    run: Finding,
    contradicting: tuple[str, ...],
) -> Outcome:
    """Return the outcome of a change that only edited given tests contradict; the task may order it.

    Args:
        run: the run of the suite with the change and its test edits.
    """
    reproducing: tuple[str, ...] = ()
    if code.changes.files and run.passing.issuperset(contradicting):
        await verification.lay_over({}, test_edits=code.changes.test_edits)
        reproducing = (
            contradicting
            if (await verification.run_command(only=contradicting)).reached.issuperset(contradicting)
            else ()
        )
    if not reproducing or not _are_ordered(verification.state, code, contradicting):
        changes = {
            "contradicts": contradicting,
            "checks": _merge_lines(outcome.checks, run.lines),
            "reproduced_by": reproducing,
        }
        return outcome.model_copy(update=changes)
    pass_fields = {
        "passed": True,
        "feedback": "",
        "gist": "",
        "cause": None,
        "lacks": (),
        "checks": run.lines,
    }
    return reproduced_outcome(outcome, reproducing).model_copy(
        update={**pass_fields, "ordered": contradicting}
    )


def _are_ordered(state: State, code: CodeMessage, contradicting: Collection[str]) -> bool:
    """Return whether the user's task states the new values that all edited tests expect."""
    if not state.task.is_users or state.progress.baseline is None:
        return False
    texts = {path: state.files[path].text for path in code.changes.test_edits if path in state.files}
    return all(state.progress.baseline.before.get(name) for name in contradicting) and all(
        edit is not None
        and was_run(path, contradicting)
        and are_ordered(state.task.prompt, texts.get(path) or "", edit)
        for path, edit in code.changes.test_edits.items()
    )


async def _require_collection(verification: Verification, code: CodeMessage, outcome: Outcome) -> Outcome:
    """Fail a passing change if a given test that it edits can't be collected without these edits."""
    paths = unreported_tests(verification.state, code, outcome)
    await verification.lay_over(code.changes.files)
    uncollected = await _collection_errors(verification, paths)
    if uncollected:
        await verification.lay_over({})
        names_before = {line.name for line in await _collection_errors(verification, paths)}
        uncollected = [line for line in uncollected if line.name not in names_before]
    if not uncollected:
        return outcome
    await verification.lay_over(code.changes.files, test_edits=code.changes.test_edits)
    remaining = [path for path in paths if code.changes.test_edits[path] is not None]
    still_uncollected = await _collection_errors(verification, remaining) if remaining else []
    contradicts = () if still_uncollected else tuple(line.name for line in uncollected)
    failure_fields = {
        "passed": False,
        "verified": "tests",
        "feedback": feedback(still_uncollected or uncollected),
    }
    return outcome.model_copy(
        update={
            **failure_fields,
            "contradicts": contradicts,
            "checks": _merge_lines(still_uncollected or uncollected, outcome.checks),
        }
    )


async def _collection_errors(verification: Verification, paths: Sequence[str]) -> list[CheckLine]:
    """Collect these files by pytest in the candidate's workspace; return the errors."""
    argv = ("python", "-m", "pytest", "-q", "--collect-only", *paths)
    run = await verification.run_command(argv, is_shown=False)
    interrupted = (
        [CheckLine(name=run.running or paths[0], passed=False, message=run.stop)] if run.is_cut else []
    )
    return [*run.failing, *interrupted]


def _passes(run: Finding, state: State, code: CodeMessage) -> bool:
    """Return whether only old failures remain, in files that the change doesn't touch."""
    other_tests = without_tests_of(code.changes.test_edits, state.progress.baseline)
    given_paths = {test.path for test in state.task.test_files}
    if not run.names_tests:
        return False
    if judge(run, other_tests, mends=state.task.mends, given_paths=given_paths).passed:
        return True
    if other_tests is None or state.task.mends or not (run.complete or (run.is_cut and other_tests.is_cut)):
        return False
    return is_red_as_before(run.lines, other_tests, given_paths=given_paths)


def _merge_lines(
    deciding_lines: Collection[CheckLine], lines: Collection[CheckLine]
) -> tuple[CheckLine, ...]:
    """Return the failures of the deciding run, followed by the other tests of `lines`."""
    failing_lines = tuple(line for line in deciding_lines if not line.passed)
    names = {line.name for line in failing_lines}
    return (*failing_lines, *(line for line in lines if line.name not in names))
