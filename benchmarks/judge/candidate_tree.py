"""Build the tree to judge: base plus patch, with the case's tests, configuration and auto-loaded files."""

import fnmatch
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import apply_patch, find_stubs, touched_paths

_CONFIGURATION = frozenset(
    {
        *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg"),
        *("pyproject.toml", "sitecustomize.py", "usercustomize.py"),
    }
)
_LOADED_SUFFIXES = (".pth", ".so", ".pyd", ".pyc", ".pyo", ".egg-link")
_TEST_FOLDER_NAMES = {"test", "testing"}
_METADATA = (".dist-info", ".egg-info")
_TOOLS = frozenset(
    {"pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "unittest", "exceptiongroup", "tomli"}
)


_RUNNER_FILES = {
    "django": ("tests/runtests.py", "django/test/runner.py"),
    "sympy": ("bin/*", "sympy/testing/*.py", "sympy/utilities/runtests.py"),
}
"""Own files of each runner; answers may change them only if the case's own patch changes one of them."""


@dataclass(frozen=True, slots=True)
class Tree:
    """Files to judge, and the paths of a patch that were ignored."""

    files: dict[str, bytes]
    kept_out: tuple[str, ...]
    """Paths of the patch that were ignored; the case's files are used instead."""
    stubs: tuple[str, ...] = ()
    """Binary files of which the patch has no content."""


@dataclass(frozen=True, slots=True)
class CaseTests:
    """Tells which paths are tests of a case. A new file outside the test folders is code, not a test."""

    paths: frozenset[str]
    """All paths of the base, the hidden tests and the case's own patch."""
    folders: frozenset[str]

    def __contains__(self, path: str) -> bool:
        is_known_test = path in self.paths and _has_test_name(path)
        return is_known_test or any(
            folder.name == "tests" or str(folder) in self.folders for folder in PurePosixPath(path).parents
        )


def case_tests(case: RepositoryCase) -> CaseTests:
    """Return the paths that are tests of a case."""
    paths = frozenset({*case.files, *case.hidden_tests, *touched_paths(case.gold_patch or "")})
    return CaseTests(paths, _test_folders(paths))


def base_tree(case: RepositoryCase) -> dict[str, bytes]:
    """Return the base with the case's hidden tests."""
    return {**case.files, **_hidden_files(case)}


def gold_tree(case: RepositoryCase) -> dict[str, bytes]:
    """Return the base with the case's own patch, if any, and the hidden tests."""
    return {**apply_patch(case.files, case.gold_patch or ""), **_hidden_files(case)}


def candidate_tree(case: RepositoryCase, patch: str, *, installed: Collection[str] = ()) -> Tree:
    """Return the base with the permitted part of an answer's patch; `installed` modules can't be shadowed."""
    patched = apply_patch(case.files, patch)
    pristine = gold_tree(case)
    changed = {path for path in {*patched, *case.files} if patched.get(path) != case.files.get(path)}
    tests = case_tests(case)
    reserved = sys.stdlib_module_names | _TOOLS | {*installed}
    runner = () if _touches_runner(case) else _RUNNER_FILES.get(case.runner, ())
    kept_out = {
        path
        for path in changed
        if not _may_change(path, case, pristine, tests, reserved)
        or any(fnmatch.fnmatch(path, glob) for glob in runner)
    }
    files = {path: content for path, content in patched.items() if path not in kept_out}
    restored = {path: pristine[path] for path in pristine if path in kept_out or _affects_tests(path, tests)}
    stubs = tuple(sorted(find_stubs(patch)))
    return Tree({**files, **restored, **_hidden_files(case)}, tuple(sorted(kept_out)), stubs)


def _touches_runner(case: RepositoryCase) -> bool:
    """Whether a case's own patch changes its test runner."""
    globs = _RUNNER_FILES.get(case.runner, ())
    paths = touched_paths(case.gold_patch or "")
    return any(fnmatch.fnmatch(path, glob) for path in paths for glob in globs)


def _test_folders(paths: Iterable[str]) -> frozenset[str]:
    """Return folders named `test` or `testing` that contain tests; in many packages such a folder is code."""
    parents = {
        str(folder) for path in paths if _has_test_name(path) for folder in PurePosixPath(path).parents
    }
    return frozenset(folder for folder in parents if PurePosixPath(folder).name in _TEST_FOLDER_NAMES)


def _has_test_name(path: str) -> bool:
    name = PurePosixPath(path).name
    return fnmatch.fnmatch(name, "test_*.py") or fnmatch.fnmatch(name, "*_test.py")


def _may_change(
    path: str,
    case: RepositoryCase,
    pristine: Mapping[str, bytes],
    tests: CaseTests,
    reserved: Collection[str],
) -> bool:
    if _affects_tests(path, tests) or path in case.hidden_tests:
        return False
    if path not in pristine and not _module_names(path, case.pythonpath).isdisjoint(reserved):
        return False
    return case.may_change is None or any(fnmatch.fnmatch(path, glob) for glob in case.may_change)


def _affects_tests(path: str, tests: CaseTests) -> bool:
    """Whether a file is a test, configures tests, or is loaded without an import."""
    parts = PurePosixPath(path)
    return (
        path in tests
        or parts.name in _CONFIGURATION
        or parts.suffix in _LOADED_SUFFIXES
        or any(part.endswith(_METADATA) for part in parts.parts)
    )


def _module_names(path: str, pythonpath: str) -> set[str]:
    """Return the top-level modules that a new file may define or belong to."""
    places = [PurePosixPath(path)]
    places += [place.relative_to(pythonpath) for place in places if place.is_relative_to(pythonpath)]
    return {place.parts[0].partition(".")[0] for place in places}


def _hidden_files(case: RepositoryCase) -> dict[str, bytes]:
    return {path: text.encode() for path, text in case.hidden_tests.items()}
