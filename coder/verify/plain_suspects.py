"""Plain tests of a run, which away from the code have to end as beside it, and what refutes them there.

The names are those of the checker: `path::test`, or the path of a program.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath

from coder.run.command_inputs import SETTINGS
from coder.run.target import is_test
from coder.source.plain_tests import is_plain_program, only_tests, plain_tests, prepares_process
from coder.verify.verification import modules_of
from sandbox import CheckReport, CheckResult, TestFile

Suspects = Mapping[str, set[str]]
"""Names of tests by file."""
_PREPARING_SETTINGS = re.compile(r"^[ \t]*(?:usefixtures|env)[ \t]*=", re.MULTILINE)
"""Settings of pytest that prepare the process for each test."""


class PlainSuspects:
    """Finds the plain tests of one workspace."""

    def __init__(
        self,
        files: Mapping[str, bytes],
        checks: Sequence[TestFile],
        *,
        test_paths: Collection[str],
        untouched: Collection[str],
    ) -> None:
        """Read the files.

        Args:
            test_paths: files that tests may use, such as conftest.py.
            untouched: the user's files.
        """
        self._checks = checks
        helper_paths = [path for path in test_paths if path.endswith(("conftest.py", "__init__.py"))]
        settings_texts = (_text(files, path) for path in SETTINGS & files.keys())
        self._is_prepared = any(prepares_process(_text(files, path)) for path in helper_paths) or any(
            map(_PREPARING_SETTINGS.search, settings_texts)
        )
        self._own_modules = set(modules_of(files)) - _modules_in_several_folders(untouched)

    def named(self, test_names: Collection[str]) -> dict[str, set[str]]:
        """Return the plain tests among those that a test command reported, by file."""
        by_file: dict[str, set[str]] = {}
        for check in self._checks:
            path = check.path
            if check.as_program:
                is_plain = any(PurePosixPath(name).as_posix() == path for name in test_names)
                is_plain = is_plain and is_plain_program(check.source, self._own_modules)
                by_file[path] = {path} if is_plain else set()
            elif not self._is_prepared:
                tests = plain_tests(check.source, self._own_modules)
                tails = {tail for name in test_names for tail in tails_of(path, name)}
                if all(tests.values()) and not {tail.partition("[")[0] for tail in tails} <= tests.keys():
                    tails |= tests.keys()  # the report names a test that the file doesn't have
                by_file[path] = {f"{path}::{tail}" for tail in tails if tests.get(tail.partition("[")[0])}
        return by_file

    def all_named(self, test_names: Collection[str]) -> set[str]:
        """Return the plain tests among those that a test command reported."""
        return {name for names in self.named(test_names).values() for name in names}


def reduced_files(checks: Sequence[TestFile], tests: Suspects) -> list[TestFile]:
    """Return the test files reduced to these tests; files without any are left out."""
    return [
        check
        if check.as_program
        else check.model_copy(update={"source": only_tests(check.source, tests[check.path])})
        for check in checks
        if tests.get(check.path)
    ]


def only(suspects: Suspects, names: Collection[str]) -> dict[str, set[str]]:
    """Return the suspects among these names."""
    return {path: tests & set(names) for path, tests in suspects.items() if tests & set(names)}


def results_of(report: CheckReport, suspects: Suspects) -> dict[str, CheckResult]:
    """Return the results of suspects by name: of a file that can't be loaded, it is the file's.

    A suspect that was left out has none.
    """
    by_name = {result.name: result for result in report.results}
    failed_files = {path: by_name[path] for path in suspects if path in by_name and not by_name[path].passed}
    found = {name: by_name.get(name, failed_files.get(path)) for path in suspects for name in suspects[path]}
    return {name: result for name, result in found.items() if result is not None}


def _text(files: Mapping[str, bytes], path: str) -> str:
    return files.get(path, b"").decode("utf-8", "replace")


def _modules_in_several_folders(files: Collection[str]) -> set[str]:
    """Return top-level modules that several folders have: which of them tests get depends on their order."""
    folders: dict[str, set[str]] = {}
    for path in files:
        if path.endswith(".py") and not is_test(path):
            folder, _, name = path.rpartition("/")
            while folder and f"{folder}/__init__.py" in files:
                folder, _, name = folder.rpartition("/")
            folders.setdefault(name.removesuffix(".py"), set()).add(folder)
    return {name for name, places in folders.items() if len(places) > 1}


def tails_of(path: str, name: str) -> set[str]:
    """Return the possible parts of a test's name after this file, as `Class::method`; empty if none."""
    head, colons, tail = name.partition("::")
    if colons:
        return {tail} if path == head or path.endswith(f"/{head}") else set()
    parts = path.removesuffix(".py").split("/")
    starts = (".".join(parts[i:]) + "." for i in range(len(parts)))
    return {name.removeprefix(start).replace(".", "::") for start in starts if name.startswith(start)}
