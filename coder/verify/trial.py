"""Trial: run an answer's tests and check on the code before its change and after it.

Before the change, one failure that the code causes is proof, and ends the run.
"""

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from coder.base.text.failure_lines import telling_line
from coder.run.command_inputs import reporter_arguments, split_assignments, split_folder, uses_pytest
from coder.run.event_types import PytestCall, Stage, Tried
from coder.run.message import CheckLine, CodeMessage, Outcome
from coder.run.verdict_words import join_names
from coder.source.shell import command_words, format_command
from coder.verify.additions import find_additions, find_tests_lacking_names
from coder.verify.change_trace import traced_shell
from coder.verify.finding import Finding, feedback, gist
from coder.verify.new_tests import find_call, is_test_of, test_files
from coder.verify.test_command import Proof
from coder.verify.time_limits import EXTRA_S, EXTRA_TEST_S, one_test_s, trial_s
from coder.verify.traced_change import TracedChange
from coder.verify.trial_outcomes import (
    QUOTE_CHARACTERS,
    first_failure,
    outcome_without_proof,
    reproduced_outcome,
    unshown_outcome,
)
from coder.verify.verification import Verification
from sandbox import Command

_MAX_UNSTEADY = 3
"""Stop after this many tests with varying results."""
_CHECK_RUNS = 2
"""Runs of a short check on unchanged files."""
_MIN_TIME_FACTOR = 2
"""Minimum time limit of a check on the code before, as a multiple of its time with the change."""
_NEEDS_NOTHING = "passes, too, where the functions of the change do what they did before it"
_LOGGED_NAMES = 20
"""Number of test names in the log of one run."""
_FAILED_IMPORT = "unittest.loader._FailedTest."
"""Beginning of unittest's name for a module of tests that can't be imported."""
_NOT_RUN_CODES = (126, 127)
"""Exit codes of bash for a command that can't be run, or doesn't exist."""


@dataclass(frozen=True, slots=True)
class AnswerTrial:
    """Runs an answer's new tests and its check on the untouched and on the changed files."""

    verification: Verification
    code: CodeMessage
    unrun_files: tuple[str, ...] = ()
    """New test files that the test command doesn't run by itself."""
    extra_s: float = EXTRA_S
    """Seconds for the tests, added to twice the time of the whole test command."""
    extra_test_s: float = EXTRA_TEST_S
    """Seconds for one test on the code before, added to twice the time of the passing run."""
    long_check_s: float = 10.0
    """A check that takes longer runs once."""
    tried: list[Tried] = field(default_factory=list)
    """The runs, for the log."""

    async def run_unrun_files(self, outcome: Outcome) -> Outcome:
        """Run the new test files that the test command doesn't run.

        A failure fails the answer; if the command is a script, it only leaves the answer without evidence.
        """
        is_pytest = self._call is not None or uses_pytest(self._command or ("",))
        test_paths = self._relative_files(self._rootdir) if is_pytest else ()
        run = await self._run_after(test_paths)
        new_lines = [
            line for line in run.lines if any(is_test_of(path, line.name) for path in self.unrun_files)
        ]
        failing = [line for line in new_lines if not line.passed]
        if run.is_cut:
            failing.append(CheckLine(name=run.running or self.unrun_files[0], passed=False, message=run.stop))
        if failing and self._call is not None:  # the tests may need what the script prepares
            return unshown_outcome(
                outcome, f"the new tests fail apart from the test command: {telling_line(failing[0].message)}"
            )
        if failing:
            failure_fields = {
                "passed": False,
                "feedback": feedback(failing, run.result),
                "gist": gist(run.result),
            }
            return outcome.model_copy(update={**failure_fields, "checks": (*failing, *outcome.checks)})
        return outcome.model_copy(update={"checks": (*outcome.checks, *new_lines)})

    async def check(self, outcome: Outcome) -> Outcome:
        """Run the answer's check; fail the answer if the check fails with the change."""
        name, taken_back = _quoted(self.code.check), None
        for _ in range(_CHECK_RUNS):
            run, _ = await self._run_check(self.code.changes.files)
            if taken_back is None and await self._change.has_run():
                taken_back = await self._change.take_back()
            if not run.result.ok:
                verb = "is stopped" if run.result.status == "timeout" else "fails"
                note = f"The check {name} {verb} with the change."
                text = f"{note}\n{feedback(run.failing, run.result, stop=run.stop)}"
                failure_fields = {"passed": False, "feedback": text, "gist": gist(run.result, note=note)}
                failure_fields |= {
                    "cause": None,
                    "lacks": (),
                }  # those fields belong to the suite before the change
                return outcome.model_copy(update=failure_fields)
            if run.result.wall_s > self.long_check_s:
                break
        most_s = self.verification.state.settings.test_timeout
        wall_s = min(most_s, max(self._wall_s, _MIN_TIME_FACTOR * run.result.wall_s))
        for _ in range(_CHECK_RUNS):
            run, failed_by_code = await self._run_check(self._tests, outcome, wall_s=wall_s)
            if run.result.ok:
                return unshown_outcome(
                    outcome, f"the check {name} succeeds without the change, too, so it proves nothing"
                )
            if not failed_by_code:
                failure_words = "it fails for another reason than the code" if run.failing else "it can't run"
                text = (
                    f"the check {name} succeeds, but without the change {failure_words}: {first_failure(run)}"
                )
                return unshown_outcome(outcome, text, has_new_tests=True)
            if run.result.wall_s > self.long_check_s:
                break
        if await self._reports_tests():
            return reproduced_outcome(outcome, (name,))
        if taken_back is not None:
            if await self._passes_taken_back(taken_back, outcome, wall_s=wall_s):
                return unshown_outcome(outcome, f"the check {name} {_NEEDS_NOTHING}, so it proves nothing")
            return reproduced_outcome(outcome, (name,))
        return unshown_outcome(outcome, f"the check {name} runs no code of the change, so it proves nothing")

    async def _passes_taken_back(
        self, taken_back: Mapping[str, str], outcome: Outcome, *, wall_s: float
    ) -> bool:
        """Return whether the check succeeds with the change, but functions that do what they did before."""
        if not taken_back:
            return True
        run, _ = await self._run_check(
            {**self.code.changes.files, **taken_back}, outcome, wall_s=wall_s, stage="altered"
        )
        return run.result.ok

    async def tests(self, outcome: Outcome, names: tuple[str, ...]) -> Outcome:
        """Run the answer's new tests without the change, with which they pass: one failure is proof."""
        remaining, unsteady, idle, loose = names, list[str](), list[str](), list[str]()
        while remaining and len(unsteady) + len(idle) + len(loose) < _MAX_UNSTEADY:
            run_before = await self._run_before(remaining, outcome)
            failing = tuple(name for name in remaining if _is_red(run_before, name))[:1]
            if not failing:
                break
            rerun_before = await self._run_before(failing, outcome)
            is_red = _is_red(rerun_before, failing[0])
            run_after = await self._run_after(failing, traces=True) if is_red else None
            if run_after is None or failing[0] not in run_after.passing:
                unsteady += failing
            elif not self._is_of_python and self._change.is_reported(run_after):
                return reproduced_outcome(outcome, failing)
            elif not await self._change.has_run():
                idle += failing
            elif await self._pass_taken_back(failing, outcome):
                loose += failing
            else:
                return reproduced_outcome(outcome, failing)
            remaining = tuple(name for name in remaining if name not in failing)
        if loose:
            reason = f"a new test {_NEEDS_NOTHING}, so it proves nothing: {join_names(loose)}"
            return unshown_outcome(outcome, reason)
        if idle:
            return unshown_outcome(
                outcome, f"the new tests run no code of the change, so they prove nothing: {join_names(idle)}"
            )
        if unsteady:
            return unshown_outcome(
                outcome, f"the new tests end differently on the same files: {join_names(unsteady)}"
            )
        return outcome_without_proof(outcome, run_before, names)

    async def _pass_taken_back(self, names: tuple[str, ...], outcome: Outcome) -> bool:
        """Return whether tests pass with the change, but functions that do what they did before."""
        taken_back = await self._change.take_back()
        if not taken_back:
            return True
        await self.verification.lay_over({**self.code.changes.files, **taken_back})
        run = await self._run(names, proof=self._proof(outcome), stage="altered")
        return run.passing.issuperset(names)

    @property
    def _tests(self) -> dict[str, str | None]:
        """Test files laid over the user's files for a run without the change."""
        test_words = _python_tests(self.code.check) or ()
        paths = {PurePosixPath(word.partition("::")[0]).as_posix() for word in test_words}
        state, files = self.verification.state, self.code.changes.files
        new_files = {path: files[path] for path in paths & files.keys() if path not in state.files}
        return test_files(state, self.code) | new_files

    async def _run_before(self, names: tuple[str, ...], outcome: Outcome) -> Finding:
        """Run tests on the code before the change."""
        await self.verification.lay_over(self._tests)
        proof = self._proof(outcome)
        run = await self._run(names, proof=proof)
        lacking = find_tests_lacking_names(run.lines, names, tests=self._tests, words=proof.added.words)
        return replace(run, reached=run.reached | lacking)

    async def _run_after(self, names: tuple[str, ...], *, traces: bool = False) -> Finding:
        """Run tests on the changed code."""
        await self.verification.lay_over(self.code.changes.files)
        if traces:
            await self._change.lay()
        return await self._run(names, traces=traces)

    async def _run(
        self,
        names: tuple[str, ...],
        *,
        proof: Proof | None = None,
        traces: bool = False,
        stage: Stage | None = None,
    ) -> Finding:
        """Run tests on the laid files, by the test command or as its script calls pytest."""
        call, environment = self._call, dict[str, str]()
        folder = call.folder if call is not None else split_folder(self._command)[0]
        if traces:
            environment = self._change.variables(call.environment if call is not None else {}, folder)
            call = call.model_copy(update={"environment": environment}) if call is not None else None
        test_paths = self._relative_files(folder)
        run = await self.verification.run_command(
            more=test_paths, ours=self._tests, only=names, wall_s=self._wall_s, proof=proof, call=call,
            environment=environment,
        )  # fmt: skip
        command = ("pytest", *call.arguments) if call is not None else self._command
        line = format_command((*command, *test_paths))
        return self._record(run, line, names, stage=stage or ("after" if proof is None else "before"))

    async def _run_check(
        self,
        files: Mapping[str, str | None],
        outcome_with_change: Outcome | None = None,
        *,
        wall_s: float | None = None,
        stage: Stage | None = None,
    ) -> tuple[Finding, bool]:
        """Run the check; return its result, and whether the code made it fail, if known.

        Args:
            outcome_with_change: the outcome with the change, if the run isn't on that.
            wall_s: time limit; None: the time limit of the tests.
            stage: what the run is on; None: the code before or after the change.
        """
        await self.verification.lay_over(files)
        stage = stage or ("after" if outcome_with_change is None else "before")
        if stage == "after":
            await self._change.lay()
        if (test_words := _python_tests(self.code.check)) is not None:
            proof = self._proof(outcome_with_change) if outcome_with_change is not None else None
            environment = self._change.variables({}, split_folder(test_words)[0]) if stage == "after" else {}
            run = await self.verification.run_command(
                test_words, ours=self._tests, wall_s=wall_s, is_shown=False, proof=proof,
                environment=environment,
            )  # fmt: skip
            return self._record(run, self.code.check, (), stage=stage), bool(run.reached)
        argv = traced_shell(self.code.check) if stage == "after" else ("bash", "-c", self.code.check)
        command = Command(argv=argv, environment={"PYTHONNOUSERSITE": "1"})
        result = await (await self.verification.bench.candidate()).run(
            command, limits=self.verification.limits(wall_s)
        )
        run = self._record(Finding("none", result.ok, result=result), self.code.check, (), stage=stage)
        return run, result.status == "error" and result.exit_code not in _NOT_RUN_CODES

    async def _reports_tests(self) -> bool:
        """Return whether the check is a known runner of tests in a project of another language."""
        words = command_words(self.code.check) if self._change.has_other_language else []
        if not words or reporter_arguments(words) is not None:
            return False
        await self.verification.lay_over(self.code.changes.files)
        run = await self.verification.run_command(words, is_shown=False, wall_s=self._wall_s)
        return run.passed and self._change.is_reported(run)

    @property
    def _change(self) -> TracedChange:
        return TracedChange(self.verification, self.code, self._tests.keys())

    def _proof(self, outcome: Outcome) -> Proof:
        """Return the additions of the change, and the time limit of a test on the code before."""
        limit_s = one_test_s(self.verification.state, outcome.seconds, self.extra_test_s)
        return Proof(added=find_additions(*self._change.sources), limit_s=limit_s)

    def _record(self, run: Finding, command: str, names: tuple[str, ...], *, stage: Stage) -> Finding:
        """Record a run for the log."""
        result, failing_names = run.result, tuple(line.name for line in run.failing[:_LOGGED_NAMES])
        self.tried.append(
            Tried(
                command=command, only=names[:_LOGGED_NAMES], on=stage, status=result.status,
                exit_code=result.exit_code, seconds=result.wall_s, failed=failing_names,
                passed=len(run.passing),
            )
        )  # fmt: skip
        return run

    def _relative_files(self, folder: str) -> tuple[str, ...]:
        """Return the paths of the new test files that the command doesn't run, relative to a folder."""
        return tuple(posixpath.relpath(path, folder) for path in self.unrun_files)

    @property
    def _call(self) -> PytestCall | None:
        """The call of pytest that runs the new test files, if the test command is a script."""
        return find_call(self.verification.state) if self.unrun_files else None

    @property
    def _rootdir(self) -> str:
        """The folder to which the paths in pytest's test names are relative."""
        baseline = self.verification.state.progress.baseline
        setup = self._call.setup if self._call is not None else baseline and baseline.pytest
        return setup.rootdir if setup else "."

    @property
    def _is_of_python(self) -> bool:
        """Whether pytest or unittest runs the tests."""
        return self._call is not None or reporter_arguments(self._command or ("",)) is not None

    @property
    def _command(self) -> tuple[str, ...]:
        return self.verification.state.task.test_command or ()

    @property
    def _wall_s(self) -> float:
        """Time limit in seconds, as a test may never end without the change."""
        return trial_s(self.verification.state, self.extra_s)


def _python_tests(check: str) -> tuple[str, ...] | None:
    """Return the words of a check that runs pytest or unittest, whose reports say more than the exit code."""
    try:
        words = command_words(check)
    except ValueError:
        return None
    inner = reporter_arguments(words) if words and not split_assignments(words)[0] else None
    return words if inner is not None and inner[0] == "-m" else None


def _quoted(command: str) -> str:
    """Return a command in one line, shortened, to be quoted in a reason."""
    line = " ".join(command.split())
    return f"`{line[:QUOTE_CHARACTERS]}…`" if len(line) > QUOTE_CHARACTERS else f"`{line}`"


def _is_red(run: Finding, name: str) -> bool:
    """Return whether the code made a test, a part of it, or the import of its file fail."""
    own_names = (name, name.partition("::")[0])
    imports = {test.removeprefix(_FAILED_IMPORT) for test in run.reached if test.startswith(_FAILED_IMPORT)}
    is_unimportable = any(name.startswith(f"{module}.") for module in imports)
    return is_unimportable or any(test in own_names or test.startswith(f"{name} ") for test in run.reached)
