"""Tests that the time limit cut off before the work: a run with the change has to finish them."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from coder.run.event_types import BaselineTaken
from coder.run.verdict_words import join_names
from coder.verify.finding import Finding, without_failures
from coder.verify.new_tests import is_test_of
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files


async def reach_baseline(
    verification: Verification, files: Mapping[str, bytes], run: Finding, baseline: BaselineTaken
) -> Finding:
    """Run the baseline's tests that a run hasn't reached; drop failures that the untouched files have, too.

    Only failures of tests that the baseline didn't reach are dropped. Code that slows the tests down gains
    nothing: a test of the baseline that doesn't finish is missing in the result.
    """
    names = {line.name for line in run.lines}
    unreached = tuple(name for name in baseline.before if name not in names)
    if run.is_cut and unreached:
        await verification.lay(files)
        rerun = await verification.run_command(only=unreached)
        lines = (line for line in rerun.lines if line.name in unreached)
        run = replace(run, lines=(*run.lines, *lines), reached=run.reached | rerun.reached)
    new_failures = _unreached_failures(verification, files, run, baseline)
    if not new_failures or verification.state.task.mends:
        return run
    await verification.lay_over({})
    old_failures = {
        line.name for line in (await verification.run_command(only=new_failures, is_shown=False)).failing
    }
    return _without_failures(run, old_failures.intersection(new_failures))


def _unreached_failures(
    verification: Verification, files: Mapping[str, bytes], run: Finding, baseline: BaselineTaken
) -> tuple[str, ...]:
    """Return failing tests that the baseline didn't reach, in files that the change doesn't touch."""
    untouched = workspace_files(verification.state, {})
    changed_paths = [path for path, content in files.items() if untouched.get(path) != content]
    unknown_tests = (line.name for line in run.failing if line.name not in baseline.before)
    return tuple(name for name in unknown_tests if not any(is_test_of(path, name) for path in changed_paths))


def _without_failures(run: Finding, old_failures: Collection[str]) -> Finding:
    """Return the run without these failures."""
    rest = without_failures(run, old_failures)
    note = f"still red, as before the work: {join_names(sorted(old_failures))}"
    return replace(rest, note=note) if rest.passed and not run.passed else rest
