"""A change of an answer whose code is traced while its tests or its check run, and taken back after that."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from coder.run.message import CodeMessage
from coder.run.target import is_test
from coder.verify.change_trace import (
    ChangedCode,
    find_changed_code,
    find_seen,
    has_run,
    lay_trace,
    started_files,
    traced,
)
from coder.verify.finding import Finding
from coder.verify.taken_back import take_back
from coder.verify.verification import Verification


@dataclass(frozen=True, slots=True)
class TracedChange:
    """The code of a change, which lies in the candidate's workspace.

    Args:
        tests: the answer's own tests and their files.
    """

    verification: Verification
    code: CodeMessage
    tests: Collection[str]

    @property
    def sources(self) -> tuple[dict[str, str], dict[str, str]]:
        """Texts before and after the change of the files that it changes and that aren't its tests."""
        state, files = self.verification.state, self.code.changes.files
        code = {path: text for path, text in files.items() if text is not None and path not in self.tests}
        return {path: state.files[path].text or "" for path in code if path in state.files}, code

    async def lay(self) -> None:
        """Lay the trace into the workspace."""
        tests = {*self.verification.target.tests, *self.code.changes.files} - self._traced_sources.keys()
        await lay_trace(await self.verification.bench.candidate(), self._changed, tests)

    def variables(self, variables: Mapping[str, str], folder: str) -> dict[str, str]:
        """Return the variables of a Python command in this folder, with the trace."""
        usual = self.verification.bench.policy.environment.get("PYTHONPATH", "")
        return traced({"PYTHONPATH": usual, **variables}, folder=folder)

    @property
    def has_other_language(self) -> bool:
        """Whether files in other languages than Python change."""
        return self._changed.has_other_language

    def is_reported(self, run: Finding) -> bool:
        """Return whether a runner of another language has reported a passing test."""
        return self.has_other_language and run.names_tests and any(line.passed for line in run.lines)

    async def has_run(self) -> bool:
        """Return whether Python code of the change has run since the trace was laid."""
        return await has_run(await self.verification.bench.candidate())

    async def take_back(self) -> dict[str, str]:
        """Return the change's sources with the functions as they were, after a traced run."""
        state, tests = self.verification.state, {*self.verification.target.tests, *self.tests}
        before, after = self.sources[0], self._traced_sources
        project = {path: file.text for path, file in state.files.items() if file.text is not None} | after
        project = {path: text for path, text in project.items() if not (path in tests or is_test(path))}
        return take_back(before, after, project, await find_seen(await self.verification.bench.candidate()))

    @property
    def _changed(self) -> ChangedCode:
        return find_changed_code(self.sources[0], self._traced_sources)

    @property
    def _traced_sources(self) -> dict[str, str]:
        """Changed files without those that only the check or the tests use, unless there are no others."""
        before, code = self.sources
        programs = started_files(self.code.check, code.keys() - before.keys())
        support = {path for path in code if self.verification.target.is_support(path)}
        return {path: text for path, text in code.items() if path not in programs | support} or code
