"""Confirm a pass of Python tests in another sandbox, where the code under test can't reach them.

If all pass there, the pass has strength `outside`. Many honest tests can't pass there (fixtures that share
files, patched modules, modules that aren't found) and stay `inside`. A plain test that gets as far as its
comparison has no such excuse (coder/verify/plain_suspects.py): if that comes out differently, the run fails.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from coder.base.text.sanitize import as_text, is_binary
from coder.run.event_types import ConfirmationStarted
from coder.run.verdict_words import join_names
from coder.source.plain_tests import is_plain_program
from coder.verify.finding import Finding, lines_of
from coder.verify.plain_suspects import (
    PlainSuspects,
    Suspects,
    only,
    reduced_files,
    results_of,
    tails_of,
)
from coder.verify.verification import Verification, modules_of
from coder.verify.weighing import limit_to_shown, weighed
from coder.verify.withheld_files import withheld_files
from coder.workspace.overlay import workspace_files
from sandbox import CheckReport, CheckResult, TestFile
from sandbox.verdicts.check import WeighedTests

_EXTRA_S, _MAX_EXTRA_S = 10.0, 30.0
"""Seconds for the second run, added to the time of the first: some tests end in a deadlock there."""
_OTHERS_S = 2.0
"""Seconds for the other tests once one has failed: the pass is `inside`, and they can only refute it."""
_PLAIN_S = 5.0
"""Seconds for the plain tests alone, added to the time of the first run."""
_MAX_FAILURES = 3
"""Tests of a file that fail without a comparison before the rest of the file is left out."""
_CLAIMED_NOTE = "A test passed only because an object of your own class claims to equal the test's data."
_ONLY_BESIDE_NOTE = (
    "A test passed only in the process of your code. Away from it, on the same values, it fails."
    " The code can't read the tests there."
)


async def confirm(
    verification: Verification, files: Mapping[str, bytes], *, run: Finding, script: str | None = None
) -> Finding:
    """Run the tests of a Python test command again, apart from the code under test.

    Args:
        run: the passing run, possibly with tests that fail as before the work.
        script: the file that the command runs, if it runs a file.

    Returns:
        `outside` if all pass. Failed if a comparison of a plain test comes out differently, or if an object
        of the code's own class claims to equal the tests' data and no object of the untouched code does
        (query builders equal everything). Else `run`.
    """
    checks = [
        TestFile(path=path, source=files[path].decode(), as_program=path == script)
        for path in verification.target.tests
        if not is_binary(as_text(files.get(path, b""))) and (path == script or _holds_tests(path, files))
    ]
    if not checks or verification.target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    baseline = verification.state.progress.baseline
    names = [line.name for line in run.lines] + (list(baseline.before) if baseline is not None else [])
    ran = [check for check in checks if check.as_program or any(tails_of(check.path, name) for name in names)]
    return await _Confirmation(verification, files, run, ran or checks).confirm()


async def confirm_programs(
    verification: Verification, files: Mapping[str, bytes], *, run: Finding
) -> Finding:
    """Run the plain Python programs of a script again, apart from the code under test.

    The programs run on the files that the command has left, as it may have made their input; if one fails
    there, they run again on `files`.

    Returns:
        Failed if a program fails by what the code gives it, unless the command passed before the work and the
        program fails on the untouched files, too; or by an object that claims to equal its data, as in
        `confirm`. Else `run`.
    """
    own_modules = modules_of(files)
    checks = [
        check for check in _programs(verification, files, run) if is_plain_program(check.source, own_modules)
    ]
    if not checks or verification.target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    return await _Confirmation(verification, files, run, checks).confirm_programs()


def _programs(verification: Verification, files: Mapping[str, bytes], run: Finding) -> list[TestFile]:
    """Return a script's programs that the answer hasn't written and that only need a process."""
    sources: dict[str, str] = {}
    untouched = workspace_files(verification.state, {})
    for program in run.programs:
        if program.prepared or program.arguments:
            continue
        stem = program.module.replace(".", "/")
        paths = [program.path] if program.path else [f"{stem}.py", f"{stem}/__main__.py"]
        if program.source:
            sources.setdefault(program.source, f"<program {len(sources) + 1}>")
        elif candidates := [path for path in paths if path in files and files[path] == untouched.get(path)]:
            sources.setdefault(files[candidates[0]].decode("utf-8", "replace"), candidates[0])
    return [TestFile(path=path, source=source, as_program=True) for source, path in sources.items()]


@dataclass(frozen=True, slots=True)
class _Confirmation:
    """Confirms tests of one workspace that passed in the process of the code."""

    verification: Verification
    files: Mapping[str, bytes]
    run: Finding
    checks: Sequence[TestFile]

    async def confirm(self) -> Finding:
        """Run the tests apart from the code; return the earlier run with its verdict adjusted."""
        await self._announce(len(self.run.lines))
        checker = await self.verification.bench.checker()
        tests = self.verification.target.tests
        await checker.lay({path: self.files[path] for path in tests if path in self.files})
        report = await self._run_all(self.checks)
        passing_names = _passing_names(report)
        if unfinished_tests := _unfinished_tests(report):
            paths = {name.partition("::")[0] for name in unfinished_tests}
            report = await self._run_all([check for check in self.checks if check.path in paths])
            passing_names |= _passing_names(report)
        if report.passed:
            sources = [check.source for check in self.checks]
            return await limit_to_shown(
                replace(self.run, strength="outside"), report, sources, self._run_weighed
            )
        if report.custom_equality and await self._is_custom_equality_new():
            return replace(self.run, passed=False, lines=lines_of(report), note=_CLAIMED_NOTE)
        plain_tests, test_names = self._plain_tests(), self._names_of_run()
        suspects = {path: names - passing_names for path, names in plain_tests.named(test_names).items()}
        refuted_report = None
        if not self._is_ambiguous(report):
            refuted_report = await self._find_refuted(suspects, plain_tests.all_named(self._names_before()))
        if refuted_report is not None:
            return replace(self.run, passed=False, lines=lines_of(refuted_report), note=_ONLY_BESIDE_NOTE)
        unfinished_tests = _unfinished_tests(report)
        if not unfinished_tests:
            return self.run
        note = f"not confirmed apart from the code, in {self._seconds:.0f} s: {join_names(unfinished_tests)}"
        return replace(self.run, note="; ".join(filter(None, (self.run.note, note))))

    async def confirm_programs(self) -> Finding:
        """Run the programs apart from the code; return the earlier run with its verdict adjusted."""
        await self._announce(len(self.checks))
        report = await self._run_checks(None, self.checks)
        if not report.passed:
            report = await self._run_checks(self.files, self.checks)
        if report.passed:
            return self.run
        if report.custom_equality and await self._is_custom_equality_new():
            return replace(self.run, passed=False, lines=lines_of(report), note=_CLAIMED_NOTE)
        if self._is_ambiguous(report):
            return self.run
        suspects = {check.path: {check.path} for check in self.checks}
        baseline = self.verification.state.progress.baseline
        passed_before = suspects.keys() if baseline is not None and baseline.passed else ()
        refuted_report = await self._find_refuted(suspects, set(passed_before), report)
        if refuted_report is None:
            return self.run
        return replace(self.run, passed=False, lines=lines_of(refuted_report), note=_ONLY_BESIDE_NOTE)

    async def _find_refuted(
        self, suspects: Suspects, passed_before: set[str], report: CheckReport | None = None
    ) -> CheckReport | None:
        """Run plain tests alone, and return the report if one is refuted, else None.

        A comparison that comes out differently refutes, unless the test passed before the work and fails
        apart from the untouched code. So do the end of the code's process, and a comparison for which the
        code's object isn't asked, if the untouched code is compared. Any other failure may be due to the
        tests being apart from the code.

        Args:
            passed_before: names of tests that passed before the work.
            report: the report of the suspects, if they have run.
        """
        if not any(suspects.values()):
            return None
        if report is None:
            seconds = _PLAIN_S + self.run.result.wall_s
            checks = reduced_files(self.checks, suspects)
            report = await self._run_checks(self.files, checks, seconds=seconds)
        results = results_of(report, suspects)
        causes = {name: result.cause for name, result in results.items()}
        failing = {name for name, cause in causes.items() if cause in ("assertion", "withheld", "exit")}
        uncompared = {name for name in failing if causes[name] != "assertion"}
        if passed_before & failing or uncompared:
            untouched, failing_suspects = (
                workspace_files(self.verification.state, {}),
                only(suspects, failing),
            )
            control = await self._run_checks(untouched, reduced_files(self.checks, failing_suspects))
            before = results_of(control, failing_suspects)
            compared = {name for name, result in before.items() if result.passed or result.asserted}
            passing = {name for name, result in before.items() if result.passed}
            failing = (failing - uncompared | uncompared & compared) - (passed_before - passing)
        return report if failing else None

    async def _run_all(self, checks: Sequence[TestFile]) -> CheckReport:
        """Run checks on the answer's files; the first failure leaves the others little time."""
        return await self._run_checks(self.files, checks, decides=_shows_inside, weighing=self._weighed)

    async def _run_weighed(self, weighing: WeighedTests) -> CheckReport:
        return await self._run_checks(self.files, self.checks, weighing=weighing)

    @property
    def _weighed(self) -> WeighedTests | None:
        """How to weigh the tests that failed before the work, or are new; None if there are only programs."""
        before = set(self._names_before())
        passed = {line.name for line in self.run.lines if line.passed} - before
        names = {
            f"{check.path}::{tail}"
            for check in self.checks
            for name in passed
            for tail in tails_of(check.path, name)
        } | {check.path for check in self.checks if check.as_program and check.path in passed}
        return weighed(names) if names else None

    async def _run_checks(
        self,
        files: Mapping[str, bytes] | None,
        checks: Sequence[TestFile],
        *,
        seconds: float | None = None,
        decides: Callable[[CheckResult], bool] | None = None,
        weighing: WeighedTests | None = None,
    ) -> CheckReport:
        """Lay the files into the candidate's workspace, and run checks on them; None: on its current files.

        The files from `withheld_files` are empty, as the code could read the expected values in them.
        """
        withheld = withheld_files(files or self.files, checks)
        if files is not None:  # drops the changes of an earlier run
            await self.verification.lay({**files, **withheld})
        else:
            candidate = await self.verification.bench.candidate()
            for path, content in withheld.items():
                await candidate.write(path, content)
        return await self.verification.run_checks(
            files or self.files,
            checks,
            seconds or self._seconds,
            folders=self._folders,
            decides=decides,
            others_s=_OTHERS_S,
            max_failures=_MAX_FAILURES,
            weighed=weighing,
        )

    async def _announce(self, tests: int) -> None:
        await self.verification.announce(ConfirmationStarted(tests=tests))

    @property
    def _seconds(self) -> float:
        """Time limit of one run."""
        first_s = self.run.result.wall_s
        return min(
            self.verification.state.settings.test_timeout, _EXTRA_S + 4 * first_s, _MAX_EXTRA_S + first_s
        )

    @property
    def _folders(self) -> tuple[str, ...]:
        """Folders that pytest adds to the import path, as found before the work if known."""
        baseline = self.verification.state.progress.baseline
        setup = (baseline.pytest if baseline is not None else None) or self.run.pytest
        return setup.paths if setup is not None else ()

    async def _is_custom_equality_new(self) -> bool:
        """Return whether the untouched code has no objects with custom equality; True without a baseline."""
        if self.verification.state.progress.baseline is None:
            return True
        report_before = await self._run_checks(workspace_files(self.verification.state, {}), self.checks)
        return report_before.complete and not report_before.custom_equality

    def _plain_tests(self) -> PlainSuspects:
        return PlainSuspects(
            self.files,
            self.checks,
            test_paths=self.verification.target.tests,
            untouched=workspace_files(self.verification.state, {}),
        )

    def _names_before(self) -> list[str]:
        """Return tests that passed before the work."""
        baseline = self.verification.state.progress.baseline
        return [test.name for test in baseline.tests if test.passed] if baseline is not None else []

    def _names_of_run(self) -> set[str]:
        """Return tests that passed beside the code, or that ran before the work and are missing now."""
        baseline = self.verification.state.progress.baseline
        results = {line.name: line.passed for line in self.run.lines}
        missing_names = (baseline.before.keys() if baseline is not None else set()) - results.keys()
        programs = {check.path for check in self.checks if check.as_program}
        return {name for name, passed in results.items() if passed} | missing_names | programs

    def _is_ambiguous(self, report: CheckReport) -> bool:
        """Return whether a module of the project is also installed, so the tests would import that copy."""
        untouched = modules_of(workspace_files(self.verification.state, {}))
        return bool(report.ambiguous) and report.ambiguous <= set(untouched)


def _shows_inside(result: CheckResult) -> bool:
    return not (result.passed or result.is_cut)


def _passing_names(report: CheckReport) -> set[str]:
    return {result.name for result in report.results if result.passed}


def _unfinished_tests(report: CheckReport) -> list[str]:
    """Return the tests that were cut off if no test has failed otherwise; else nothing."""
    if any(map(_shows_inside, report.results)):
        return []
    return [result.name for result in report.results if result.is_cut]


def _holds_tests(path: str, files: Mapping[str, bytes]) -> bool:
    """Return whether an original file holds tests, unlike a conftest.py or a helper."""
    return path.endswith(".py") and not path.endswith("conftest.py") and b"test" in files.get(path, b"")
