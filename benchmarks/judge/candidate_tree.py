"""Build the tree to judge: base plus patch, with the case's tests, configuration and auto-loaded files."""

import fnmatch
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import apply_patch

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
    folders = test_folders(pristine)
    others = sys.stdlib_module_names | _TOOLS | {*installed}
    kept_out = {path for path in changed if not _may_change(path, case, pristine, folders, others)}
    files = {path: content for path, content in patched.items() if path not in kept_out}
    restored = {path: pristine[path] for path in pristine if path in kept_out or _decides(path, folders)}
    return Tree({**files, **restored, **_hidden(case)}, tuple(sorted(kept_out)))


def test_folders(paths: Iterable[str]) -> frozenset[str]:
    """Folders named `test` or `testing` that contain tests; in many packages such a folder is code."""
    above = {str(folder) for path in paths if _is_named(path) for folder in PurePosixPath(path).parents}
    return frozenset(folder for folder in above if PurePosixPath(folder).name in _PERHAPS_TESTS)


def is_test_path(path: str, folders: Collection[str]) -> bool:
    """Whether pytest collects a file, or it lies in a test folder."""
    above = PurePosixPath(path).parents
    return _is_named(path) or any(folder.name == "tests" or str(folder) in folders for folder in above)


def _is_named(path: str) -> bool:
    name = PurePosixPath(path).name
    return fnmatch.fnmatch(name, "test_*.py") or fnmatch.fnmatch(name, "*_test.py")


def _may_change(
    path: str,
    case: RepositoryCase,
    pristine: Mapping[str, bytes],
    folders: Collection[str],
    others: Collection[str],
) -> bool:
    if _decides(path, folders) or path in case.hidden_tests:
        return False
    if path not in pristine and not _names_of(path, case.pythonpath).isdisjoint(others):
        return False
    return case.may_change is None or any(fnmatch.fnmatch(path, glob) for glob in case.may_change)


def _decides(path: str, folders: Collection[str]) -> bool:
    """Whether a file selects which tests run, or is loaded without an import."""
    parts = PurePosixPath(path)
    return (
        is_test_path(path, folders)
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
