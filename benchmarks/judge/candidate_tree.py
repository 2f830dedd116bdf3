"""Build the tree to judge: base plus patch, with the case's tests, configuration and auto-loaded files."""

import fnmatch
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import apply_patch, touched

_CONFIGURES = frozenset(
    {
        *("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg"),
        *("pyproject.toml", "sitecustomize.py", "usercustomize.py"),
    }
)
_LOADED = (".pth", ".so", ".pyd", ".pyc", ".pyo", ".egg-link")
_PERHAPS_TESTS = {"test", "testing"}
_METADATA = (".dist-info", ".egg-info")
_TOOLS = frozenset(
    {"pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "unittest", "exceptiongroup", "tomli"}
)


@dataclass(frozen=True, slots=True)
class Tree:
    """A tree to judge."""

    files: dict[str, bytes]
    kept_out: tuple[str, ...]
    """Paths of the patch that were ignored: the case's versions stay."""


@dataclass(frozen=True, slots=True)
class CaseTests:
    """Which paths are tests of a case. A new file outside its test folders is code, whatever its name."""

    known: frozenset[str]
    """Paths of the base, the hidden tests and the case's own patch."""
    folders: frozenset[str]

    def __contains__(self, path: str) -> bool:
        is_named = path in self.known and _is_named(path)
        return is_named or any(
            folder.name == "tests" or str(folder) in self.folders for folder in PurePosixPath(path).parents
        )


def case_tests(case: RepositoryCase) -> CaseTests:
    """The tests of a case."""
    known = frozenset({*case.files, *case.hidden_tests, *touched(case.gold_patch or "")})
    return CaseTests(known, _test_folders(known))


def base_tree(case: RepositoryCase) -> dict[str, bytes]:
    """The base with the case's hidden tests."""
    return {**case.files, **_hidden(case)}


def gold_tree(case: RepositoryCase) -> dict[str, bytes]:
    """The base with the case's own patch, if any, and its hidden tests."""
    return {**apply_patch(case.files, case.gold_patch or ""), **_hidden(case)}


def candidate_tree(case: RepositoryCase, patch: str, *, installed: Collection[str] = ()) -> Tree:
    """The base with the permitted part of an answer's patch; `installed` modules can't be shadowed."""
    patched = apply_patch(case.files, patch)
    pristine = gold_tree(case)
    changed = {path for path in {*patched, *case.files} if patched.get(path) != case.files.get(path)}
    tests = case_tests(case)
    others = sys.stdlib_module_names | _TOOLS | {*installed}
    kept_out = {path for path in changed if not _may_change(path, case, pristine, tests, others)}
    files = {path: content for path, content in patched.items() if path not in kept_out}
    restored = {path: pristine[path] for path in pristine if path in kept_out or _decides(path, tests)}
    return Tree({**files, **restored, **_hidden(case)}, tuple(sorted(kept_out)))


def _test_folders(paths: Iterable[str]) -> frozenset[str]:
    """Folders named `test` or `testing` that contain tests; in many packages such a folder is code."""
    above = {str(folder) for path in paths if _is_named(path) for folder in PurePosixPath(path).parents}
    return frozenset(folder for folder in above if PurePosixPath(folder).name in _PERHAPS_TESTS)


def _is_named(path: str) -> bool:
    name = PurePosixPath(path).name
    return fnmatch.fnmatch(name, "test_*.py") or fnmatch.fnmatch(name, "*_test.py")


def _may_change(
    path: str,
    case: RepositoryCase,
    pristine: Mapping[str, bytes],
    tests: CaseTests,
    others: Collection[str],
) -> bool:
    if _decides(path, tests) or path in case.hidden_tests:
        return False
    if path not in pristine and not _names_of(path, case.pythonpath).isdisjoint(others):
        return False
    return case.may_change is None or any(fnmatch.fnmatch(path, glob) for glob in case.may_change)


def _decides(path: str, tests: CaseTests) -> bool:
    """Whether a file selects which tests run, or is loaded without an import."""
    parts = PurePosixPath(path)
    return (
        path in tests
        or parts.name in _CONFIGURES
        or parts.suffix in _LOADED
        or any(part.endswith(_METADATA) for part in parts.parts)
    )


def _names_of(path: str, pythonpath: str) -> set[str]:
    """Top-level modules that a new file may be, or be a part of."""
    places = [PurePosixPath(path)]
    places += [place.relative_to(pythonpath) for place in places if place.is_relative_to(pythonpath)]
    return {place.parts[0].partition(".")[0] for place in places}


def _hidden(case: RepositoryCase) -> dict[str, bytes]:
    return {path: text.encode() for path, text in case.hidden_tests.items()}
