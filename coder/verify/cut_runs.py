"""Tests that the time limit stopped before the work: a run with the change has to end the same ones."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from coder.run.event_types import BaselineTaken
from coder.run.termination import join_names
from coder.verify.finding import Finding
from coder.verify.new_tests import is_of
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files


async def reach_baseline(
    on: Verification, files: Mapping[str, bytes], run: Finding, baseline: BaselineTaken
) -> Finding:
    """Add the tests of the baseline that a run hasn't reached, and drop failures beyond the baseline that the
    untouched files have, too.

    Code that makes the tests slow gains nothing: a test of the baseline that doesn't end here, either, is
    missing in the result.
    """
    names = {line.name for line in run.lines}
    unreached = tuple(name for name in baseline.before if name not in names)
    if run.is_cut and unreached:
        await on.lay(files)
        rest = await on.command(only=unreached)
        lines = (line for line in rest.lines if line.name in unreached)
        run = replace(run, lines=(*run.lines, *lines), reached=run.reached | rest.reached)
    beyond = _beyond(on, files, run, baseline)
    if not beyond or on.state.task.mends:
        return run
    await on.lay_over({})
    old = {line.name for line in (await on.command(only=beyond, is_shown=False)).failing}
    return _without(run, old.intersection(beyond))


def _beyond(
    on: Verification, files: Mapping[str, bytes], run: Finding, baseline: BaselineTaken
) -> tuple[str, ...]:
    """Tests that fail, that the baseline didn't reach, and whose files the change leaves as they are."""
    untouched = workspace_files(on.state, {})
    changed = [path for path, content in files.items() if untouched.get(path) != content]
    unknown = (line.name for line in run.failing if line.name not in baseline.before)
    return tuple(name for name in unknown if not any(is_of(path, name) for path in changed))


def _without(run: Finding, old: Collection[str]) -> Finding:
    """The run without these failures."""
    lines = tuple(line for line in run.lines if line.name not in old)
    if run.is_cut or not old or any(not line.passed for line in lines):
        return replace(run, lines=lines)
    result = run.result.model_copy(update={"status": "ok", "exit_code": 0})
    note = f"still red, as before the work: {join_names(sorted(old))}"
    return replace(run, lines=lines, result=result, passed=run.complete and bool(lines), note=note)
