"""What the answer's own tests or check show where nothing given decides.

They reproduce the task if they fail without the change and pass with it, twice each, in a fresh workspace
each time. They are the model's own, so this is weaker than a given test.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from coder.run.command_inputs import more_tests, parted, reported, uses_pytest
from coder.run.message import Message, Outcome
from coder.run.state import State
from coder.run.target import is_test
from coder.run.termination import named
from coder.source.shell import command_words
from coder.verify.finding import Finding, feedback, gist
from coder.verify.regressions import is_red_as_before
from coder.verify.verification import Verification
from sandbox import Command, Result

_LENGTH = 200
"""Characters of a program's output in a reason."""
_LEAST_S = 30.0
"""Seconds for the new tests or the check, beside twice the time of the whole test command."""
_OF_OTHERS = re.compile(r"(?:^|/)(?:tests?|__tests__|spec)[./-]|[._-](?:test|spec)\.\w+$")
"""Paths of tests in other languages than Python."""
_NOT_RUN = (126, 127)
"""Exit codes of bash for a command that can't be run, or isn't there."""


def wants_evidence(state: State, code: Message, outcome: Outcome) -> bool:
    """Whether nothing given shows that the task is done, and the answer's own tests or check may."""
    is_open = outcome.verified in ("none", "self") if outcome.passed else _is_red_as_before(state, outcome)
    new = _new_tests(state, code, outcome) or _unrun(state, code, outcome)
    return is_open and bool(code.check or new)


async def evidence(on: Verification, code: Message, outcome: Outcome) -> Outcome:
    """The outcome of a change that broke nothing, with what its own check and tests show.

    Where a suite stays red as before and they show nothing, it is a failure still.
    """
    unrun = _unrun(on.state, code, outcome)
    trial = _Trial(on, code, unrun)
    found = outcome if outcome.passed else _without_old_reds(outcome)
    if code.check:
        found = await trial.check(found)
    if unrun and found.passed and found.verified != "reproduced":
        found = await trial.run_unrun(found)
    names = _new_tests(on.state, code, found)
    if names and found.passed and found.verified != "reproduced":
        found = await trial.tests(found, names)
    return found if outcome.passed or found.verified == "reproduced" else outcome


def _without_old_reds(outcome: Outcome) -> Outcome:
    red = named([line.name for line in outcome.checks if not line.passed])
    passed = {"passed": True, "feedback": "", "gist": "", "cause": None, "lacks": ()}
    return outcome.model_copy(update={**passed, "note": f"still red, as before the work: {red}"})


def _is_red_as_before(state: State, outcome: Outcome) -> bool:
    baseline, given = state.baseline, {test.path for test in state.task.test_files}
    if baseline is None or state.task.mends:
        return False
    return is_red_as_before(outcome.checks, baseline, given=given)


def _new_tests(state: State, code: Message, outcome: Outcome) -> tuple[str, ...]:
    """The tests that weren't there before the work, in test files of the answer.

    Tests of another language than Python can't run alone: none counts if all of them take long.
    """
    baseline, paths = state.baseline, _test_files(state, code)
    if baseline is None or not baseline.told or not paths:
        return ()
    known = {*baseline.before, *baseline.flaky}
    new = tuple(line.name for line in outcome.checks if line.passed and line.name not in known)
    if reported(state.task.test_command or ("",)) is None:
        return () if baseline.is_long else new
    return tuple(name for name in new if any(_is_of(path, name) for path in paths))


def _test_files(state: State, code: Message) -> dict[str, str | None]:
    """Test files of an answer, with what else it has in their folders of tests."""
    files = {path: text for path, text in code.files.items() if text is not None}
    tests = {path for path in files if is_test(path) or _OF_OTHERS.search(path)}
    texts = {path: file.text for path, file in state.files.items()} | files
    tests |= more_tests(texts, state.task.test_command or (), tests)
    return {path: text for path, text in files.items() if path in tests}


def _unrun(state: State, code: Message, outcome: Outcome) -> tuple[str, ...]:
    """New test files of Python that a test command leaves out which names what it runs."""
    inner, baseline = reported(state.task.test_command or ("",)), state.baseline
    if inner is None or inner[0] != "-m" or "discover" in inner or baseline is None or not baseline.told:
        return ()
    ran = [line.name for line in outcome.checks]
    new = (path for path in _test_files(state, code) if path not in state.files and _holds_tests(path))
    return tuple(path for path in new if not any(_is_of(path, name) for name in ran))


def _holds_tests(path: str) -> bool:
    """Whether pytest and unittest would look for tests in a file of this name."""
    name = PurePosixPath(path).name
    return name.endswith(".py") and (name.startswith("test_") or name.endswith("_test.py"))


def _is_of(path: str, name: str) -> bool:
    """Whether a file holds a test, by its name in pytest or unittest, relative to any folder."""
    parts = path.removesuffix(".py").split("/")
    tails = (parts[i:] for i in range(len(parts)))
    return any(name.startswith((f"{'/'.join(tail)}.py::", f"{'.'.join(tail)}.")) for tail in tails)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Runs what an answer brings on the user's files, and on the changed ones."""

    on: Verification
    code: Message
    unrun: tuple[str, ...] = ()
    """New test files that the test command doesn't run by itself."""

    async def run_unrun(self, outcome: Outcome) -> Outcome:
        """The outcome with the tests of these files, which fail the answer if they fail with the change."""
        await self.on.lay_over(self.code.files)
        is_pytest = uses_pytest(self.on.state.task.test_command or ("",))
        only = self.unrun if is_pytest else ()
        run = await self.on.command(more=self.unrun, ours=self._tests, only=only, wall_s=self._wall_s)
        new = [line for line in run.lines if any(_is_of(path, line.name) for path in self.unrun)]
        if red := [line for line in new if not line.passed]:
            failed = {"passed": False, "feedback": feedback(red, run.result), "gist": gist(run.result)}
            return outcome.model_copy(update={**failed, "checks": (*red, *outcome.checks)})
        return outcome.model_copy(update={"checks": (*outcome.checks, *new)})

    async def check(self, outcome: Outcome) -> Outcome:
        """What the answer's command shows; one that fails with the change fails the answer."""
        name = _quoted(self.code.check)
        for _ in range(2):
            result, _ = await self._checked(self.code.files)
            if not result.ok:
                note = f"The check {name} fails with the change."
                said = f"{note}\n{feedback((), result)}"
                failed = {"passed": False, "feedback": said, "gist": gist(result, note=note)}
                return outcome.model_copy(update=failed)
        for _ in range(2):
            result, failed_by_code = await self._checked(self._tests)
            if result.ok:
                return _unshown(
                    outcome, f"the check {name} succeeds without the change, too: it shows nothing"
                )
            if not failed_by_code:
                said = f"the check {name} succeeds, and on the code before it could not run: {gist(result)}"
                return _unshown(outcome, said, added=True)
        return _reproduced(outcome, (name,))

    async def tests(self, outcome: Outcome, names: tuple[str, ...]) -> Outcome:
        """What the answer's new tests show, which have passed once with the change."""
        first = await self._run(self._tests, names)
        red = tuple(name for name in names if _is_red(first, name))
        if not red:
            return _shows_nothing(outcome, first, names)
        again = await self._run(self._tests, red)
        now = await self._run(self.code.files, red)
        passes = now.passing
        steady = tuple(name for name in red if _is_red(again, name) and name in passes)
        if steady:
            return _reproduced(outcome, steady)
        return _unshown(outcome, f"the new tests end differently on the same files: {named(red)}")

    @property
    def _tests(self) -> dict[str, str | None]:
        """What stands on the user's files for a run without the change."""
        words = _python_tests(self.code.check) or ()
        named = {PurePosixPath(word.partition("::")[0]).as_posix() for word in words}
        state, files = self.on.state, self.code.files
        brought = {path: files[path] for path in named & files.keys() if path not in state.files}
        return _test_files(state, self.code) | brought

    async def _run(self, files: Mapping[str, str | None], names: tuple[str, ...]) -> Finding:
        await self.on.lay_over(files)
        return await self.on.command(more=self.unrun, ours=self._tests, only=names, wall_s=self._wall_s)

    async def _checked(self, files: Mapping[str, str | None]) -> tuple[Result, bool]:
        """How the check ends, and whether the code made it fail, if that is known."""
        await self.on.lay_over(files)
        if (words := _python_tests(self.code.check)) is not None:
            run = await self.on.command(words, ours=self._tests, wall_s=self._wall_s, is_shown=False)
            return run.result, bool(run.reached)
        argv = ("bash", "-c", self.code.check)
        asked = Command(argv=argv, environment={"PYTHONNOUSERSITE": "1"})
        result = await (await self.on.bench.candidate()).run(asked, limits=self.on.limits(self._wall_s))
        return result, result.status == "error" and result.exit_code not in _NOT_RUN

    @property
    def _wall_s(self) -> float:
        """Time limit: without the change a test may never end."""
        known = self.on.state.baseline.seconds if self.on.state.baseline is not None else 0.0
        return min(self.on.state.settings.test_timeout_s, _LEAST_S + 2 * known)


def _python_tests(check: str) -> tuple[str, ...] | None:
    """The words of a check that runs pytest or unittest, whose report says more than the exit code."""
    try:
        words = command_words(check)
    except ValueError:
        return None
    inner = reported(words) if words and not parted(words)[0] else None
    return words if inner is not None and inner[0] == "-m" else None


def _quoted(command: str) -> str:
    """A command in one line, as a reason names it."""
    line = " ".join(command.split())
    return f"`{line[:_LENGTH]}…`" if len(line) > _LENGTH else f"`{line}`"


def _is_red(run: Finding, name: str) -> bool:
    """Whether the code made a test, or a part of it, fail."""
    return any(reached == name or reached.startswith(f"{name} ") for reached in run.reached)


def _reproduced(outcome: Outcome, by: tuple[str, ...]) -> Outcome:
    shown = {"verified": "reproduced", "strength": "inside", "reproduced_by": by, "unshown": ""}
    return outcome.model_copy(update=shown)


def _unshown(outcome: Outcome, why: str, *, added: bool = False) -> Outcome:
    verified = "added" if added else outcome.verified
    return outcome.model_copy(update={"verified": verified, "strength": "none", "unshown": why})


def _shows_nothing(outcome: Outcome, run: Finding, names: tuple[str, ...]) -> Outcome:
    """The outcome where the code made no new test fail."""
    if run.passing.issuperset(names):
        return _unshown(outcome, "the new tests pass without the change, too: they show nothing")
    why = _said(run.failing[0].message) if run.failing else gist(run.result)
    said = f"the new tests pass, and on the code before they could not run: {why[:_LENGTH]}"
    return _unshown(outcome, said, added=True)


def _said(message: str) -> str:
    """The line of a failure that says what is wrong."""
    lines = [line for line in message.splitlines() if line.strip()] or [""]
    return lines[-1 if lines[0].startswith("Traceback ") else 0]
