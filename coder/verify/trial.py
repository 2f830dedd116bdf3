"""Trial: runs the tests and the check that an answer brings, on the code before its change and after it.

Before the change, one failure that the code causes is proof, and ends the run.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from coder.run.command_inputs import reporter_arguments, split_assignments, uses_pytest
from coder.run.event_types import PytestCall, Tried
from coder.run.message import CheckLine, CodeMessage, Outcome
from coder.run.termination import join_names
from coder.source.shell import command_words, format_command
from coder.verify.additions import find_additions
from coder.verify.finding import Finding, feedback, gist
from coder.verify.new_tests import find_call, is_of, test_files
from coder.verify.test_command import Proof
from coder.verify.time_limits import MORE_S, most_test_s, trial_s
from coder.verify.trial_outcomes import (
    LENGTH,
    first_failure,
    outcome_of_nothing,
    reproduced_outcome,
    telling_line,
    unshown_outcome,
)
from coder.verify.verification import Verification
from sandbox import Command

_MOST_UNSTEADY = 3
"""Tests that end differently on the same files, after which no other is tried."""
_CHECKED, _LONG_CHECK_S = 2, 10.0
"""Runs of a check on the same files, and the seconds after which one run is enough."""
_LEAST_TIMES = 2
"""A check on the code before has at least this many times the time that it took with the change."""
_MOST_NAMED = 20
"""Names of tests in the log of one run."""
_NOT_RUN = (126, 127)
"""Exit codes of bash for a command that can't be run, or isn't there."""


@dataclass(frozen=True, slots=True)
class AnswerTrial:
    """Runs an answer's new tests and its check on the user's files, and on the changed ones."""

    on: Verification
    code: CodeMessage
    unrun: tuple[str, ...] = ()
    """New test files that the test command doesn't run by itself."""
    tried: list[Tried] = field(default_factory=list)
    """What was run, for the log."""

    async def run_unrun(self, outcome: Outcome) -> Outcome:
        """The outcome with the tests of these files, which fail the answer if they fail with the change."""
        is_pytest = self._call is not None or uses_pytest(self.on.state.task.test_command or ("",))
        only = self._from(self._rootdir) if is_pytest else ()
        run = await self._run_after(only)
        new = [line for line in run.lines if any(is_of(path, line.name) for path in self.unrun)]
        red = [line for line in new if not line.passed]
        if run.is_cut:
            red.append(CheckLine(name=run.running or self.unrun[0], passed=False, message=run.stop))
        if red and self._call is not None:  # they may need what the script prepares
            return unshown_outcome(
                outcome, f"the new tests fail apart from the test command: {telling_line(red[0].message)}"
            )
        if red:
            failed = {"passed": False, "feedback": feedback(red, run.result), "gist": gist(run.result)}
            return outcome.model_copy(update={**failed, "checks": (*red, *outcome.checks)})
        return outcome.model_copy(update={"checks": (*outcome.checks, *new)})

    async def check(self, outcome: Outcome) -> Outcome:
        """Run the answer's check; a check that fails with the change fails the answer."""
        name = _quoted(self.code.check)
        for _ in range(_CHECKED):
            run, _ = await self._checked(self.code.changes.files)
            if not run.result.ok:
                ended = "is stopped" if run.result.status == "timeout" else "fails"
                note = f"The check {name} {ended} with the change."
                text = f"{note}\n{feedback(run.failing, run.result, stop=run.stop)}"
                failed = {"passed": False, "feedback": text, "gist": gist(run.result, note=note)}
                failed |= {"cause": None, "lacks": ()}  # those were of the suite, as it was before
                return outcome.model_copy(update=failed)
            if run.result.wall_s > _LONG_CHECK_S:
                break
        most_s = self.on.state.settings.test_timeout
        wall_s = min(most_s, max(self._wall_s, _LEAST_TIMES * run.result.wall_s))
        for _ in range(_CHECKED):
            run, failed_by_code = await self._checked(self._tests, outcome, wall_s=wall_s)
            if run.result.ok:
                return unshown_outcome(
                    outcome, f"the check {name} succeeds without the change, too, so it proves nothing"
                )
            if not failed_by_code:
                ended = "it fails for another reason than the code" if run.failing else "it can't run"
                text = f"the check {name} succeeds, but without the change {ended}: {first_failure(run)}"
                return unshown_outcome(outcome, text, added=True)
            if run.result.wall_s > _LONG_CHECK_S:
                break
        return reproduced_outcome(outcome, (name,))

    async def tests(self, outcome: Outcome, names: tuple[str, ...]) -> Outcome:
        """Run the answer's new tests, which pass with the change, without it: one failure is proof."""
        remaining, unsteady = names, list[str]()
        while remaining and len(unsteady) < _MOST_UNSTEADY:
            first = await self._run_before(remaining, outcome)
            red = tuple(name for name in remaining if _is_red(first, name))[:1]
            if not red:
                break
            again = await self._run_before(red, outcome)
            if _is_red(again, red[0]) and red[0] in (await self._run_after(red)).passing:
                return reproduced_outcome(outcome, red)
            unsteady += red
            remaining = tuple(name for name in remaining if name not in red)
        if unsteady:
            return unshown_outcome(
                outcome, f"the new tests end differently on the same files: {join_names(unsteady)}"
            )
        return outcome_of_nothing(outcome, first, names)

    @property
    def _tests(self) -> dict[str, str | None]:
        """Return the test files laid over the user's files for a run without the change."""
        words = _python_tests(self.code.check) or ()
        paths = {PurePosixPath(word.partition("::")[0]).as_posix() for word in words}
        state, files = self.on.state, self.code.changes.files
        brought = {path: files[path] for path in paths & files.keys() if path not in state.files}
        return test_files(state, self.code) | brought

    async def _run_before(self, names: tuple[str, ...], outcome: Outcome) -> Finding:
        """Run tests on the code before the change."""
        await self.on.lay_over(self._tests)
        return await self._run(names, proof=self._proof(outcome))

    async def _run_after(self, names: tuple[str, ...]) -> Finding:
        """Run tests on the changed code."""
        await self.on.lay_over(self.code.changes.files)
        return await self._run(names)

    async def _run(self, names: tuple[str, ...], *, proof: Proof | None = None) -> Finding:
        """Run tests on what is laid, by the test command or as its script calls pytest."""
        call = self._call
        more = self._from(call.folder) if call is not None else self.unrun
        run = await self.on.command(
            more=more, ours=self._tests, only=names, wall_s=self._wall_s, proof=proof, call=call
        )
        command = ("pytest", *call.arguments) if call is not None else self._command
        line = format_command((*command, *more))
        return self._note(run, line, names, on="after" if proof is None else "before")

    async def _checked(
        self, files: Mapping[str, str | None], before: Outcome | None = None, *, wall_s: float | None = None
    ) -> tuple[Finding, bool]:
        """Run the check; return its result, and whether the code made it fail, if known.

        Args:
            before: outcome with the change, for a run on the code before it.
            wall_s: time limit (default: that of the tests).
        """
        await self.on.lay_over(files)
        where: Literal["before", "after"] = "after" if before is None else "before"
        if (words := _python_tests(self.code.check)) is not None:
            proof = self._proof(before) if before is not None else None
            run = await self.on.command(words, ours=self._tests, wall_s=wall_s, is_shown=False, proof=proof)
            return self._note(run, self.code.check, (), on=where), bool(run.reached)
        argv = ("bash", "-c", self.code.check)
        command = Command(argv=argv, environment={"PYTHONNOUSERSITE": "1"})
        result = await (await self.on.bench.candidate()).run(command, limits=self.on.limits(wall_s))
        run = self._note(Finding("none", result.ok, result=result), self.code.check, (), on=where)
        return run, result.status == "error" and result.exit_code not in _NOT_RUN

    def _proof(self, outcome: Outcome) -> Proof:
        """Return the additions of the change, and the time limit of a test on the code before."""
        state, files = self.on.state, self.code.changes.files
        code = {path: text for path, text in files.items() if text is not None and path not in self._tests}
        before = {path: state.files[path].text or "" for path in code if path in state.files}
        limit_s = min(MORE_S + 2 * outcome.seconds, most_test_s(state))
        return Proof(added=find_additions(before, code), limit_s=limit_s)

    def _note(
        self, run: Finding, command: str, names: tuple[str, ...], *, on: Literal["before", "after"]
    ) -> Finding:
        """Keep for the log how one run ended."""
        result, failed = run.result, tuple(line.name for line in run.failing[:_MOST_NAMED])
        self.tried.append(
            Tried(
                command=command, only=names[:_MOST_NAMED], on=on, status=result.status,
                exit_code=result.exit_code, seconds=result.wall_s, failed=failed,
                passed=len(run.passing),
            )
        )  # fmt: skip
        return run

    def _from(self, folder: str) -> tuple[str, ...]:
        """Paths, relative to a folder, of the new test files that the command doesn't run by itself."""
        return tuple(posixpath.relpath(path, folder) for path in self.unrun)

    @property
    def _call(self) -> PytestCall | None:
        """How the new test files run where the test command is a script."""
        return find_call(self.on.state) if self.unrun else None

    @property
    def _rootdir(self) -> str:
        """Where names of pytest's tests begin."""
        baseline = self.on.state.progress.baseline
        setup = self._call.setup if self._call is not None else baseline and baseline.pytest
        return setup.rootdir if setup else "."

    @property
    def _command(self) -> tuple[str, ...]:
        return self.on.state.task.test_command or ()

    @property
    def _wall_s(self) -> float:
        """Time limit: without the change a test may never end."""
        return trial_s(self.on.state)


def _python_tests(check: str) -> tuple[str, ...] | None:
    """The words of a check that runs pytest or unittest, whose report says more than the exit code."""
    try:
        words = command_words(check)
    except ValueError:
        return None
    inner = reporter_arguments(words) if words and not split_assignments(words)[0] else None
    return words if inner is not None and inner[0] == "-m" else None


def _quoted(command: str) -> str:
    """A command in one line, as a reason names it."""
    line = " ".join(command.split())
    return f"`{line[:LENGTH]}…`" if len(line) > LENGTH else f"`{line}`"


def _is_red(run: Finding, name: str) -> bool:
    """Whether the code made a test, a part of it, or the import of its file fail."""
    own = (name, name.partition("::")[0])
    return any(reached in own or reached.startswith(f"{name} ") for reached in run.reached)
