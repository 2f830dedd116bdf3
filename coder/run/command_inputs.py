"""The files through which a test command decides: those that it names, and what its tool reads."""

import re
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import PurePosixPath

from coder.source.shell import line_of

MODULES = "node_modules"
"""Folder of Node's packages: shown to programs, and in no copy."""
_OF_TOOL = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", ".justfile", "Justfile"),
    "tox": ("tox.ini", "tox.toml"),
    "nox": ("noxfile.py",),
    **dict.fromkeys(("jest", "vitest", "npx", "npm", "yarn", "pnpm"), ("package.json",)),
}
TOOL_FILES = frozenset(name for names in _OF_TOOL.values() for name in names)
"""Files that say what a test command does."""
_WORD = re.compile(r"[\w./-]+")
_SCRIPT = re.compile(r"(?<![\w./-])[\w./-]+\.(?:py|sh|bash)\b")  # once a word: a long one takes no longer
_PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
_PYTEST = re.compile(r"^(?:.*/)?(?:pytest|py\.test)$")
_OTHER_LANGUAGE = re.compile(
    r"_test\.go$|[._](test|spec)\.[cm]?[jt]sx?$|(^|[_-])tests?\.(sh|bats)$|\.bats$"
    r"|(^|/)(jest|vitest|vite|karma|playwright)\.config\.[cm]?[jt]s$|(^|/)\.mocharc\."
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
SETTINGS = {
    *("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
}
"""Files with settings of pytest."""
_PYTHON_FILES = re.compile(
    r"^[ \t]*(?:ini_options\.)?python_files[ \t]*=[ \t]*(\[[^\]]*\]|[^\n]*(?:\n[ \t]+[^\n]*)*)", re.MULTILINE
)
_PATTERN = re.compile(r"[^\s\[\]\"',]+")
_ALL = {"*", "*.py"}
"""Patterns that match the code under test too."""
_FOLDERS = {"test", "testing"}
"""Names of folders of tests or of code: one with test files is of tests."""


def files_of_tool(tool: str) -> tuple[str, ...]:
    """Files that say what a tool does, where it is called without naming them."""
    return _OF_TOOL.get(tool, ())


def deciding_files(argv: Sequence[str], files: Mapping[str, str | None], *, prompt: str) -> set[str]:
    """Paths that an answer may not write, since the test command would then decide what the answer likes.

    Args:
        prompt: a script that it names as the subject of the task decides nothing.
    """
    line = line_of(argv)
    tools = parted(argv)[1][:1] if line is None else _WORD.findall(line)
    inputs = {path for path in files if _OTHER_LANGUAGE.search(path)}
    inputs |= {path for tool in tools for path in _OF_TOOL.get(PurePosixPath(tool).name, ())}
    scripts = set(_SCRIPT.findall(prompt))
    words = {PurePosixPath(word).as_posix() for argument in argv for word in _WORD.findall(argument)}
    return inputs | {path for path in words if path in files and scripts != {path}}


def _patterns(files: Mapping[str, str | None], argv: Sequence[str]) -> set[str]:
    """Patterns of names that pytest's settings, or `-p` of a command of unittest's, give to tests."""
    patterns = {word for before, word in pairwise(argv) if before in ("-p", "--pattern")}
    for path in SETTINGS & files.keys():
        for match in _PYTHON_FILES.finditer(files[path] or ""):
            patterns |= set(_PATTERN.findall(match[1]))
    return {pattern for pattern in patterns if pattern.endswith(".py")} - _ALL


def more_tests(files: Mapping[str, str | None], argv: Sequence[str], tests: Iterable[str]) -> set[str]:
    """Paths that hold tests by the settings of the command, or beside `known` ones in a folder of tests."""
    wanted = _patterns(files, argv)
    matches = {
        path
        for path in files
        for pattern in wanted
        if fnmatchcase(path if "/" in pattern else PurePosixPath(path).name, pattern)
    }
    folders = {PurePosixPath(path).parent for path in (*tests, *matches)}
    of_tests = {str(folder) for folder in folders if folder.name in _FOLDERS}
    return matches | {path for path in files if any(path.startswith(f"{folder}/") for folder in of_tests)}


def parted(argv: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables that a command sets, and the command without them.

    An `env` with options is a command like any other, and so is an assignment without a command.
    """
    words = list(argv)
    if len(words) > 1 and PurePosixPath(words[0]).name == "env" and _ASSIGNMENT.match(words[1]):
        words = words[1:]
    variables: dict[str, str] = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return (variables, tuple(words)) if words else ({}, tuple(argv))


def reported(argv: Sequence[str]) -> list[str] | None:
    """The reporter's arguments for a Python test command, or None for a command of another kind."""
    argv = parted(argv)[1]
    if _PYTEST.match(argv[0]):
        return ["-m", "pytest", *argv[1:]]
    if not _PYTHON.match(argv[0]):
        return None
    if list(argv[1:3]) in (["-m", "pytest"], ["-m", "unittest"]):
        return list(argv[1:])
    if len(argv) > 1 and argv[1].endswith(".py"):
        return list(argv[1:])
    return None


def uses_pytest(argv: Sequence[str]) -> bool:
    """Whether the command needs pytest in the task's interpreter."""
    return (reported(argv) or [])[:2] == ["-m", "pytest"]
