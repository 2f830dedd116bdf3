"""Verify by the task's test command, run on the candidate's workspace.

Flaky tests that fail run again before they count, and what failed before the work is judged as such
(regressions.py). What passes runs once more with the code under test in a process of its own.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from coder.run.command_inputs import reported
from coder.run.state import State
from coder.source.literal_tests import is_plain
from coder.text.sanitize import as_text, is_binary
from coder.verify.finding import Finding, lines_of
from coder.verify.regressions import judge, new_reds, shows_work, without_flaky
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files
from sandbox import CheckResult, TestFile

_FLAKY_AGAIN = 2
"""Times that a flaky test which fails is run again."""
_CONFIRMING_S, _MOST_MORE_S = 10.0, 30.0
"""Seconds for the tests once more, beside the time that they took: some end in a deadlock there."""


async def by_command(on: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the task's test command on what stands in the candidate's workspace."""
    state, target = on.state, on.target
    run = await _without_flaky(on, files)
    given = {test.path for test in state.task.test_files}
    judged = judge(run, state.baseline, mends=state.task.mends, given=given)
    nothing = replace(judged, verified="none", strength="none")
    if judged.passed and target.writes_tests:
        return replace(nothing, verified="self", note="the tests were written with the code")
    if judged.passed and not run.told:
        return _by_exit_code(judged, state)
    shows = not run.passed or shows_work(run.lines, state.baseline, given=given)
    if not run.passed or reported(state.task.test_command or ()) is None:
        return judged if shows else nothing
    await on.lay(files)  # what the tests' own run has changed is not what was answered
    confirmed = await _confirmed(on, files, run=judged)
    return confirmed if shows or not confirmed.passed else nothing


def _by_exit_code(run: Finding, state: State) -> Finding:
    """A command that succeeds and reports no test shows something only where it failed before."""
    if state.baseline is not None and not all(state.baseline.before.values()):
        return replace(run, note="by its exit code, which was another before the work")
    return replace(run, verified="none", strength="none", note="it tells of no test")


async def _without_flaky(on: Verification, files: Mapping[str, bytes]) -> Finding:
    """Run the whole command, and flaky tests that fail in it again: one pass is enough for them.

    If a test fails that passed before the work, and passes alone, the whole runs again, and decides.
    """
    state = on.state
    run = await on.command()
    flaky = set(state.baseline.flaky) if state.baseline is not None else set()
    if new := new_reds(run, state.baseline):
        await on.lay(files)
        alone = await on.command(only=new)
        if not alone.passing.isdisjoint(new):
            await on.lay(files)
            run = await on.command()
    for _ in range(_FLAKY_AGAIN):
        again = [line.name for line in run.failing if line.name in flaky]
        if not again or not run.complete:
            break
        await on.lay(files)
        second = await on.command(only=again)
        run = without_flaky(run, second.passing.intersection(again))
    return run


async def _confirmed(on: Verification, files: Mapping[str, bytes], *, run: Finding) -> Finding:
    """Run the tests of a Python test command again from outside; if they pass there, it is `outside`.

    Many honest tests can't (fixtures that share files, patched modules): their pass stays `inside`. It is
    refused if an object of the candidate's own class claimed to equal the tests' data, or a plain comparison
    is false, unless the untouched code shows the same (query builders equal all).
    """
    state, target = on.state, on.target
    script = _script(state.task.test_command or ())
    checks = [
        TestFile(path=path, source=files[path].decode())
        for path in target.tests
        if not is_binary(as_text(files.get(path, b""))) and (path == script or _decides(path, files))
    ]
    if not checks or target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    checker = await on.bench.checker()
    await checker.lay({path: files[path] for path in target.tests if path in files})
    took = run.result.wall_s
    seconds = min(state.settings.test_timeout_s, _CONFIRMING_S + 4 * took, _MOST_MORE_S + took)
    report = await on.checked(files, checks, seconds)
    if report.passed:
        return replace(run, strength="outside")
    disowned = report.disowned
    wrong = {result.name for result in report.results if _is_wrong_anywhere(result, files)}
    if (disowned or wrong) and state.baseline is not None:
        untouched = workspace_files(state, {})
        await on.lay(untouched)
        before = await on.checked(untouched, checks, seconds)
        await on.lay(files)
        # Where these don't come to their end on the untouched files, nothing is known to be new.
        disowned = disowned and before.complete and not before.disowned
        passed = {test.name for test in state.baseline.tests if test.passed}
        old = {result.name for result in before.results if not result.passed} & passed
        wrong = wrong - old if before.complete else set()
    if disowned:
        note = "A test passed only because an object of your own class claims to equal the test's data."
    elif wrong:
        note = "A test passed only in the process of your code, which must have changed the test."
    else:
        return run
    return replace(run, passed=False, lines=lines_of(report), note=note)


def _is_wrong_anywhere(line: CheckResult, files: Mapping[str, bytes]) -> bool:
    """Whether a comparison would fail in any process."""
    if line.passed or "::" not in line.name or not (line.expected is not None or line.asserted):
        return False
    if any(b"autouse" in text for path, text in files.items() if path.endswith("conftest.py")):
        return False  # a fixture may have prepared the process for each test
    source = files.get(line.name.partition("::")[0], b"")
    return b"autouse" not in source and is_plain(source.decode(), line.name)


def _decides(path: str, files: Mapping[str, bytes]) -> bool:
    """Whether a pristine file holds tests of its own (a conftest.py or a helper doesn't)."""
    return path.endswith(".py") and not path.endswith("conftest.py") and b"test" in files.get(path, b"")


def _script(argv: Sequence[str]) -> str | None:
    """The file that a test command runs, where it runs one."""
    inner = reported(argv) or ["-m"]
    return None if inner[0] == "-m" else PurePosixPath(inner[0]).as_posix()
