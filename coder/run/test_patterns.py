"""Test files that no convention of pytest's names: those that its settings or a command's pattern name, and
what lies beside tests in a folder of theirs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import PurePosixPath

_SETTINGS = {"pytest.ini", ".pytest.ini", "pytest.toml", "pyproject.toml", "tox.ini", "setup.cfg"}
_PYTHON_FILES = re.compile(
    r"^[ \t]*(?:ini_options\.)?python_files[ \t]*=[ \t]*(\[[^\]]*\]|[^\n]*(?:\n[ \t]+[^\n]*)*)", re.MULTILINE
)
_WORD = re.compile(r"[^\s\[\]\"',]+")
_ALL = {"*", "*.py"}
"""Patterns that say nothing: they name the code under test too."""
_FOLDERS = {"test", "testing"}
"""Names that folders of tests have, and folders of code: one that holds test files is one of tests."""


def patterns(files: Mapping[str, str | None], argv: Sequence[str]) -> set[str]:
    """Patterns of names that pytest's settings, or `-p` of a command of unittest's, give to tests."""
    found = {word for before, word in pairwise(argv) if before in ("-p", "--pattern")}
    for path in _SETTINGS & files.keys():
        for match in _PYTHON_FILES.finditer(files[path] or ""):
            found |= set(_WORD.findall(match[1]))
    return {pattern for pattern in found if pattern.endswith(".py")} - _ALL


def more_tests(files: Mapping[str, str | None], argv: Sequence[str], known: Iterable[str]) -> set[str]:
    """Paths that hold tests beside those that are known to.

    Args:
        files: text of each of the user's files, None for what is no text.
        argv: the test command.
        known: paths that hold tests by the convention.
    """
    wanted = patterns(files, argv)
    named = {path for path in files if any(_matches(path, pattern) for pattern in wanted)}
    folders = {PurePosixPath(path).parent for path in (*known, *named)}
    of_tests = {str(folder) for folder in folders if folder.name in _FOLDERS}
    return named | {path for path in files if any(path.startswith(f"{folder}/") for folder in of_tests)}


def _matches(path: str, pattern: str) -> bool:
    return fnmatchcase(path if "/" in pattern else PurePosixPath(path).name, pattern)
