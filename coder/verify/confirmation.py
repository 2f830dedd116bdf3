"""Confirm a pass of Python tests in another sandbox, where the code under test can't reach them.

If all pass there, the pass has strength `outside`. Many honest tests can't pass there (fixtures that share
files, patched modules) and stay `inside`. A plain test has no such excuse (coder/source/plain_tests.py):
if it passes only in the process of the code, the run fails.
"""

import re
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from coder.base.text.sanitize import as_text, is_binary
from coder.run.command_inputs import SETTINGS
from coder.source.plain_tests import is_plain_program, only_tests, plain_tests, prepares_process
from coder.verify.finding import Finding, lines_of
from coder.verify.verification import Verification, modules_of
from coder.verify.withheld_files import withheld_files
from coder.workspace.overlay import workspace_files
from sandbox import CheckReport, TestFile

_EXTRA_S, _MAX_EXTRA_S = 10.0, 30.0
"""Seconds for the second run, added to the time of the first: some tests end in a deadlock there."""
_ONLY_BESIDE_NOTE = (
    "A test passed only in the process of your code. Away from it, on the same values, it fails."
    " The code can't read the tests there."
)
_PREPARING_SETTINGS = re.compile(r"^[ \t]*(?:usefixtures|env)[ \t]*=", re.MULTILINE)
"""Settings of pytest that prepare the process for each test."""


async def confirm(
    verification: Verification, files: Mapping[str, bytes], *, run: Finding, script: str | None = None
) -> Finding:
    """Run the tests of a Python test command again, apart from the code under test.

    Args:
        run: the passing run, possibly with tests that fail as before the work.
        script: the file that the command runs, if it runs a file.

    Returns:
        `outside` if all pass. Failed if a plain test fails, or if an object of the code's own class claims
        to equal the tests' data and no object of the untouched code does (query builders equal everything).
        Else `run`.
    """
    confirmation = _Confirmation(verification, files, run)
    checks = [
        TestFile(path=path, source=files[path].decode(), as_program=path == script)
        for path in verification.target.tests
        if not is_binary(as_text(files.get(path, b""))) and (path == script or _holds_tests(path, files))
    ]
    if not checks or verification.target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    return await confirmation.confirm(checks)


async def confirm_programs(
    verification: Verification, files: Mapping[str, bytes], *, run: Finding
) -> Finding:
    """Run the plain Python programs of a script again, apart from the code under test.

    The programs run on the files that the command has left, as it may have made their input; if one fails
    there, they run again on `files`.

    Returns:
        Failed if a program fails, unless the command passed before the work and the program fails on the
        untouched files, too. Else `run`.
    """
    own_modules = modules_of(files)
    checks = [
        check for check in _programs(verification, files, run) if is_plain_program(check.source, own_modules)
    ]
    if not checks or verification.target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    confirmation = _Confirmation(verification, files, run)
    report = await confirmation.run_checks(None, checks)
    if not report.passed:
        report = await confirmation.run_checks(files, checks)
    if report.passed or confirmation.is_ambiguous(report):
        return run
    if verification.state.progress.baseline is not None and verification.state.progress.baseline.passed:
        report_before = await confirmation.run_checks(workspace_files(verification.state, {}), checks)
        if not report_before.passed:
            return run
    return replace(run, passed=False, lines=lines_of(report), note=_ONLY_BESIDE_NOTE)


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

    async def confirm(self, checks: Sequence[TestFile]) -> Finding:
        """Run these tests apart from the code; return the earlier run with its verdict adjusted."""
        checker = await self.verification.bench.checker()
        tests = self.verification.target.tests
        await checker.lay({path: self.files[path] for path in tests if path in self.files})
        report = await self.run_checks(self.files, checks)
        if report.passed:
            return replace(self.run, strength="outside")
        if report.custom_equality and await self._is_custom_equality_new(checks):
            note = "A test passed only because an object of your own class claims to equal the test's data."
            return replace(self.run, passed=False, lines=lines_of(report), note=note)
        failed_report = await self._failed_plain_tests(checks, report)
        if failed_report is None:
            return self.run
        return replace(self.run, passed=False, lines=lines_of(failed_report), note=_ONLY_BESIDE_NOTE)

    async def run_checks(self, files: Mapping[str, bytes] | None, checks: Sequence[TestFile]) -> CheckReport:
        """Lay the files into the candidate's workspace and run checks on them; None: on its current files.

        The files from `withheld_files` are empty, as the code could read the expected values in them.
        """
        first_s = self.run.result.wall_s
        max_s = self.verification.state.settings.test_timeout
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
            min(max_s, _EXTRA_S + 4 * first_s, _MAX_EXTRA_S + first_s),
            folders=self._folders,
        )

    @property
    def _folders(self) -> tuple[str, ...]:
        """Folders that pytest adds to the import path, as found before the work if known."""
        baseline = self.verification.state.progress.baseline
        setup = (baseline.pytest if baseline is not None else None) or self.run.pytest
        return setup.paths if setup is not None else ()

    async def _is_custom_equality_new(self, checks: Sequence[TestFile]) -> bool:
        """Return whether the untouched code has no objects with custom equality; True without a baseline."""
        if self.verification.state.progress.baseline is None:
            return True
        report_before = await self.run_checks(workspace_files(self.verification.state, {}), checks)
        return report_before.complete and not report_before.custom_equality

    async def _failed_plain_tests(
        self, checks: Sequence[TestFile], report: CheckReport
    ) -> CheckReport | None:
        """Rerun plain tests alone; return the report of their failures, or None."""
        passing_names = {result.name for result in report.results if result.passed}
        suspects = self._plain_tests(checks, self._names_of_run(checks))
        suspects = {path: names - passing_names for path, names in suspects.items() if names - passing_names}
        if not suspects or self.is_ambiguous(report):
            return None
        rerun = await self.run_checks(self.files, _reduced_files(checks, suspects))
        if rerun.passed:
            return None
        suspects = await self._without_old_failures(checks, suspects)
        names_of_suspects = {name for names in suspects.values() for name in names}
        failing_names = {result.name for result in rerun.results if not result.passed}
        # A file that can't be loaded has one result, by its path.
        return (
            rerun
            if names_of_suspects & failing_names
            or failing_names & {path for path, names in suspects.items() if names}
            else None
        )

    async def _without_old_failures(
        self, checks: Sequence[TestFile], suspects: Mapping[str, set[str]]
    ) -> dict[str, set[str]]:
        """Return the suspects without tests that also fail when run apart from the untouched code."""
        baseline = self.verification.state.progress.baseline
        passed_before = (
            self._plain_tests(checks, [test.name for test in baseline.tests if test.passed])
            if baseline
            else {}
        )
        old_suspects = {path: names & passed_before.get(path, set()) for path, names in suspects.items()}
        if not any(old_suspects.values()):
            return dict(suspects)
        report = await self.run_checks(
            workspace_files(self.verification.state, {}), _reduced_files(checks, old_suspects)
        )
        passing_names = {result.name for result in report.results if result.passed}
        return {path: names - (old_suspects[path] - passing_names) for path, names in suspects.items()}

    def _names_of_run(self, checks: Sequence[TestFile]) -> set[str]:
        """Return tests that passed beside the code, or that ran before the work and are missing now."""
        results_by_name = {line.name: line.passed for line in self.run.lines}
        results_before = (
            self.verification.state.progress.baseline.before
            if self.verification.state.progress.baseline is not None
            else {}
        )
        programs = {check.path for check in checks if check.as_program}
        return (
            {name for name, passed in results_by_name.items() if passed}
            | (results_before.keys() - results_by_name)
            | programs
        )

    def _plain_tests(self, checks: Sequence[TestFile], test_names: Collection[str]) -> dict[str, set[str]]:
        """Return the checker's names of plain tests, by file."""
        helper_paths = [
            path for path in self.verification.target.tests if path.endswith(("conftest.py", "__init__.py"))
        ]
        settings = (self._text(path) for path in SETTINGS & self.files.keys())
        is_prepared = any(prepares_process(self._text(path)) for path in helper_paths)
        is_prepared = is_prepared or any(map(_PREPARING_SETTINGS.search, settings))
        own_modules = modules_of(self.files)
        by_file: dict[str, set[str]] = {}
        for check in checks:
            path = check.path
            if check.as_program:
                is_plain = any(PurePosixPath(name).as_posix() == path for name in test_names)
                by_file[path] = {path} if is_plain and is_plain_program(check.source, own_modules) else set()
            elif not is_prepared:
                tests = plain_tests(check.source, own_modules)
                tails = {tail for name in test_names for tail in _tails(path, name)}
                if all(tests.values()) and not {tail.partition("[")[0] for tail in tails} <= tests.keys():
                    tails |= tests.keys()  # the report names a test that the file doesn't have
                by_file[path] = {f"{path}::{tail}" for tail in tails if tests.get(tail.partition("[")[0])}
        return by_file

    def _text(self, path: str) -> str:
        return self.files.get(path, b"").decode("utf-8", "replace")

    def is_ambiguous(self, report: CheckReport) -> bool:
        """Return whether a module of the project is also installed, so the tests would import that copy."""
        untouched = modules_of(workspace_files(self.verification.state, {}))
        return bool(report.ambiguous) and report.ambiguous <= set(untouched)


def _reduced_files(checks: Sequence[TestFile], tests: Mapping[str, set[str]]) -> list[TestFile]:
    """Return the test files reduced to these tests; files without any are left out."""
    return [
        check
        if check.as_program
        else check.model_copy(update={"source": only_tests(check.source, tests[check.path])})
        for check in checks
        if tests.get(check.path)
    ]


def _tails(path: str, name: str) -> set[str]:
    """Return the possible parts of a test's name after this file, as `Class::method`; empty if none."""
    head, colons, tail = name.partition("::")
    if colons:
        return {tail} if path == head or path.endswith(f"/{head}") else set()
    parts = path.removesuffix(".py").split("/")
    starts = (".".join(parts[i:]) + "." for i in range(len(parts)))
    return {name.removeprefix(start).replace(".", "::") for start in starts if name.startswith(start)}


def _holds_tests(path: str, files: Mapping[str, bytes]) -> bool:
    """Return whether an original file holds tests, unlike a conftest.py or a helper."""
    return path.endswith(".py") and not path.endswith("conftest.py") and b"test" in files.get(path, b"")
