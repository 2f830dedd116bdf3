"""Confirm a pass of Python tests away from the code under test, which can't reach them there.

If all pass there, the pass is `outside`. Many honest tests can't (fixtures that share files, patched modules)
and stay `inside`. A plain test has no such reason (coder/source/plain_tests.py): one that passes only beside
the code fails the run, however it ends there.
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
from coder.workspace.overlay import workspace_files
from sandbox import CheckReport, TestFile

_CONFIRMING_S, _MOST_MORE_S = 10.0, 30.0
"""Seconds for the tests once more, beside the time that they took: some end in a deadlock there."""
_BESIDE_ALONE = "A test passed only in the process of your code. Away from it, on the same values, it fails."
_PREPARES = re.compile(r"^[ \t]*(?:usefixtures|env)[ \t]*=", re.MULTILINE)
"""Settings of pytest that prepare the process for each test."""


async def confirm(
    on: Verification, files: Mapping[str, bytes], *, run: Finding, script: str | None = None
) -> Finding:
    """Run the tests of a Python test command again, away from the code under test.

    Args:
        run: passed, possibly with tests that fail as before the work.
        script: the file that the command runs, where it runs one.

    Returns:
        `outside` if all pass; failed if a plain test doesn't, or if an object of the code's own class claims
        to equal the tests' data and none of the untouched code does (query builders equal all); else `run`.
    """
    confirmation = _Confirmation(on, files, run)
    checks = [
        TestFile(path=path, source=files[path].decode(), as_program=path == script)
        for path in on.target.tests
        if not is_binary(as_text(files.get(path, b""))) and (path == script or _decides(path, files))
    ]
    if not checks or on.target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    return await confirmation.confirm(checks)


async def confirm_programs(on: Verification, files: Mapping[str, bytes], *, run: Finding) -> Finding:
    """Run the plain Python programs of a script again, away from the code under test.

    They run on what the command has left, since it may have made what they read, and once more on `files`.

    Returns:
        Failed if one fails, unless the command passed before the work and it fails on those files, too.
    """
    own = modules_of(files)
    checks = [check for check in _programs(on, files, run) if is_plain_program(check.source, own)]
    if not checks or on.target.module.partition(".")[0] in sys.stdlib_module_names:
        return run
    confirmation = _Confirmation(on, files, run)
    report = await confirmation.checked(None, checks)
    if not report.passed:
        report = await confirmation.checked(files, checks)
    if report.passed or confirmation.is_ambiguous(report):
        return run
    if on.state.progress.baseline is not None and on.state.progress.baseline.passed:
        before = await confirmation.checked(workspace_files(on.state, {}), checks)
        if not before.passed:
            return run
    return replace(run, passed=False, lines=lines_of(report), note=_BESIDE_ALONE)


def _programs(on: Verification, files: Mapping[str, bytes], run: Finding) -> list[TestFile]:
    """Return a script's programs that the answer hasn't written and that need only a process."""
    sources: dict[str, str] = {}
    untouched = workspace_files(on.state, {})
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
    """Tests of one workspace that passed beside the code."""

    on: Verification
    files: Mapping[str, bytes]
    run: Finding

    async def confirm(self, checks: Sequence[TestFile]) -> Finding:
        """The run, by what these show away from the code."""
        checker = await self.on.bench.checker()
        tests = self.on.target.tests
        await checker.lay({path: self.files[path] for path in tests if path in self.files})
        report = await self.checked(self.files, checks)
        if report.passed:
            return replace(self.run, strength="outside")
        if report.disowned and await self._is_disowned_newly(checks):
            note = "A test passed only because an object of your own class claims to equal the test's data."
            return replace(self.run, passed=False, lines=lines_of(report), note=note)
        wrong = await self._wrong(checks, report)
        if wrong is None:
            return self.run
        return replace(self.run, passed=False, lines=lines_of(wrong), note=_BESIDE_ALONE)

    async def checked(self, files: Mapping[str, bytes] | None, checks: Sequence[TestFile]) -> CheckReport:
        """Run checks on these files, laid into the candidate's workspace; None: on what is there."""
        took = self.run.result.wall_s
        most = self.on.state.settings.test_timeout
        if files is not None:  # what an earlier run has changed is not what was answered
            await self.on.lay(files)
        return await self.on.checked(
            files or self.files,
            checks,
            min(most, _CONFIRMING_S + 4 * took, _MOST_MORE_S + took),
            folders=self._folders,
        )

    @property
    def _folders(self) -> tuple[str, ...]:
        """Where pytest has the tests import from, as found before the work if that is known."""
        baseline = self.on.state.progress.baseline
        setup = (baseline.pytest if baseline is not None else None) or self.run.pytest
        return setup.paths if setup is not None else ()

    async def _is_disowned_newly(self, checks: Sequence[TestFile]) -> bool:
        """Whether the untouched code, as far as that is known, has no such objects."""
        if self.on.state.progress.baseline is None:
            return True
        before = await self.checked(workspace_files(self.on.state, {}), checks)
        return before.complete and not before.disowned

    async def _wrong(self, checks: Sequence[TestFile], report: CheckReport) -> CheckReport | None:
        """Rerun plain tests alone; return their failures, or None."""
        passed = {result.name for result in report.results if result.passed}
        suspects = self._plain(checks, self._names_of_run(checks))
        suspects = {path: names - passed for path, names in suspects.items() if names - passed}
        if not suspects or self.is_ambiguous(report):
            return None
        again = await self.checked(self.files, _only(checks, suspects))
        if again.passed:
            return None
        suspects = await self._without_old(checks, suspects)
        names_of_suspects = {name for names in suspects.values() for name in names}
        failed = {result.name for result in again.results if not result.passed}
        # A file that can't be loaded has one result, by its path.
        return (
            again
            if names_of_suspects & failed or failed & {path for path, names in suspects.items() if names}
            else None
        )

    async def _without_old(
        self, checks: Sequence[TestFile], suspects: Mapping[str, set[str]]
    ) -> dict[str, set[str]]:
        """Without those that passed before the work and fail away from the untouched code, too."""
        baseline = self.on.state.progress.baseline
        before = (
            self._plain(checks, [test.name for test in baseline.tests if test.passed]) if baseline else {}
        )
        old = {path: names & before.get(path, set()) for path, names in suspects.items()}
        if not any(old.values()):
            return dict(suspects)
        report = await self.checked(workspace_files(self.on.state, {}), _only(checks, old))
        passed = {result.name for result in report.results if result.passed}
        return {path: names - (old[path] - passed) for path, names in suspects.items()}

    def _names_of_run(self, checks: Sequence[TestFile]) -> set[str]:
        """Tests that passed beside the code, or ran before the work and aren't reported any more."""
        reported = {line.name: line.passed for line in self.run.lines}
        before = self.on.state.progress.baseline.before if self.on.state.progress.baseline is not None else {}
        programs = {check.path for check in checks if check.as_program}
        return {name for name, passed in reported.items() if passed} | (before.keys() - reported) | programs

    def _plain(self, checks: Sequence[TestFile], ran: Collection[str]) -> dict[str, set[str]]:
        """Return the plain tests by file, with the names of the checker."""
        beside = [path for path in self.on.target.tests if path.endswith(("conftest.py", "__init__.py"))]
        settings = (self._text(path) for path in SETTINGS & self.files.keys())
        is_prepared = any(prepares_process(self._text(path)) for path in beside)
        is_prepared = is_prepared or any(map(_PREPARES.search, settings))
        own = modules_of(self.files)
        by_file: dict[str, set[str]] = {}
        for check in checks:
            path = check.path
            if check.as_program:
                is_plain = any(PurePosixPath(name).as_posix() == path for name in ran)
                by_file[path] = {path} if is_plain and is_plain_program(check.source, own) else set()
            elif not is_prepared:
                tests = plain_tests(check.source, own)
                names = {tail for name in ran for tail in _tails(path, name)}
                if all(tests.values()) and not {tail.partition("[")[0] for tail in names} <= tests.keys():
                    names |= tests.keys()  # a test that the file doesn't have was reported in its name
                by_file[path] = {f"{path}::{tail}" for tail in names if tests.get(tail.partition("[")[0])}
        return by_file

    def _text(self, path: str) -> str:
        return self.files.get(path, b"").decode("utf-8", "replace")

    def is_ambiguous(self, report: CheckReport) -> bool:
        """Whether the project is a package that is installed, too: the tests would test that one."""
        untouched = modules_of(workspace_files(self.on.state, {}))
        return bool(report.ambiguous) and report.ambiguous <= set(untouched)


def _only(checks: Sequence[TestFile], tests: Mapping[str, set[str]]) -> list[TestFile]:
    """The test files reduced to these tests; files without any are left out."""
    return [
        one if one.as_program else one.model_copy(update={"source": only_tests(one.source, tests[one.path])})
        for one in checks
        if tests.get(one.path)
    ]


def _tails(path: str, name: str) -> set[str]:
    """The part of a test's name after its file, as `Class::method`; empty if another file has the test."""
    head, colons, tail = name.partition("::")
    if colons:
        return {tail} if path == head or path.endswith(f"/{head}") else set()
    parts = path.removesuffix(".py").split("/")
    starts = (".".join(parts[i:]) + "." for i in range(len(parts)))
    return {name.removeprefix(start).replace(".", "::") for start in starts if name.startswith(start)}


def _decides(path: str, files: Mapping[str, bytes]) -> bool:
    """Whether a pristine file holds tests of its own (a conftest.py or a helper doesn't)."""
    return path.endswith(".py") and not path.endswith("conftest.py") and b"test" in files.get(path, b"")
