"""Find the files that a test command depends on: those it names, and those that its tool reads."""

import posixpath
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from pathlib import PurePosixPath

from coder.run.launchers import without_launcher
from coder.source.shell import command_words, line_of

MODULES = "node_modules"
"""Folder of Node's packages; programs can read it, but it isn't copied."""
_FILES_BY_TOOL = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", ".justfile", "Justfile"),
    "tox": ("tox.ini", "tox.toml"),
    "nox": ("noxfile.py",),
    **dict.fromkeys(("jest", "vitest", "npx", "npm", "yarn", "pnpm"), ("package.json",)),
    **dict.fromkeys(("mvn", "mvnw"), ("pom.xml",)),
    **dict.fromkeys(("gradle", "gradlew"), ("build.gradle", "build.gradle.kts")),
}
TOOL_FILES = frozenset(name for names in _FILES_BY_TOOL.values() for name in names)
"""Files that define what a test command does."""
_WORD = re.compile(r"[\w./-]+")
_SCRIPT = re.compile(r"(?<![\w./-])[\w./-]+\.(?:py|sh|bash)\b")  # one match per word, in linear time
_PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
_PYTEST = re.compile(r"^(?:.*/)?(?:pytest|py\.test)$")
_OTHER_LANGUAGE = re.compile(
    r"_test\.go$|[._](test|spec)\.[cm]?[jt]sx?$|(^|[_-])tests?\.(sh|bats)$|\.bats$"
    r"|(^|/)(jest|vitest|vite|karma|playwright)\.config\.[cm]?[jt]s$|(^|/)\.mocharc\."
    r"|(^|/)src/test/|(Tests?|Spec|IT)\.(java|kts?|scala|groovy|cs|php|swift)$|_(test|spec)\.(rb|exs|dart)$"
    r"|(^|/)\.rspec$|(^|/)spec_helper\.rb$|(^|/)test_helper\.(rb|exs)$"
)
"""Tests of other languages than Python, and files that decide which of them run."""
_NODE_TESTS = re.compile(r"^(?:[^/]+/)*(?:tests?|__tests__|spec)/.*\.[cm]?[jt]sx?$")
"""Programs in the folders that mocha and other runners of Node's take their tests from."""
_SHELL = re.compile(r"^(?:.*/)?(?:ba|da)?sh$")
_IN_FOLDER = re.compile(
    r"""cd[ \t]+([^\s&;|$`*?~\\'"]+|'[^'\n]+'|"[^"$`\\\n]+")[ \t]*(?:&&|;)[ \t]*([^\n]+)"""
)
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
SETTINGS = {
    *("pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml"),
    *("pyproject.toml", "tox.ini", "setup.cfg"),
}
"""Files with pytest's settings."""
_PYTHON_FILES = re.compile(
    r"^[ \t]*(?:ini_options\.)?python_files[ \t]*=[ \t]*(\[[^\]]*\]|[^\n]*(?:\n[ \t]+[^\n]*)*)", re.MULTILINE
)
_PATTERN = re.compile(r"[^\s\[\]\"',]+")
_TOO_BROAD = {"*", "*.py"}
"""Patterns that also match the code under test."""
_TEST_FOLDERS = {"test", "testing"}
"""Names of folders that may contain tests or code; if one file is a known test, all files are tests."""


def files_of_tool(tool: str) -> tuple[str, ...]:
    """Return the files that define what a tool does when it is called without naming them."""
    return _FILES_BY_TOOL.get(tool, ())


def deciding_files(argv: Sequence[str], files: Mapping[str, str | None], *, prompt: str) -> set[str]:
    """Return paths that an answer may not write, because they would change the test command's verdict.

    Args:
        prompt: the task; if it names exactly one script, an answer may write that script.
    """
    line, folder = line_of(argv), split_folder(argv)[0]
    tools = split_assignments(argv)[1][:1] if line is None else _WORD.findall(line)
    inputs = {path for path in files if _OTHER_LANGUAGE.search(path)}
    if "package.json" in files or posixpath.join(folder, "package.json") in files:
        inputs |= {path for path in files if _NODE_TESTS.match(path)}
    of_tools = {path for tool in tools for path in _FILES_BY_TOOL.get(PurePosixPath(tool).name, ())}
    inputs |= of_tools | {posixpath.join(folder, path) for path in of_tools if folder != "."}
    scripts = set(_SCRIPT.findall(prompt))
    words = {PurePosixPath(word).as_posix() for argument in argv for word in _WORD.findall(argument)}
    words |= {posixpath.normpath(posixpath.join(folder, word)) for word in words if folder != "."}
    if list(split_assignments(argv)[1][1:3]) == ["-m", "doctest"]:
        words = {word for word in words if not word.endswith(".py")}  # the code that is tested
    return inputs | {path for path in words if path in files and scripts != {path}}


def _patterns(files: Mapping[str, str | None], argv: Sequence[str]) -> set[str]:
    """Return the name patterns of tests from pytest's settings or unittest's option `-p`."""
    patterns = {word for option, word in pairwise(argv) if option in ("-p", "--pattern")}
    for path in SETTINGS & files.keys():
        for match in _PYTHON_FILES.finditer(files[path] or ""):
            patterns |= set(_PATTERN.findall(match[1]))
    return {pattern for pattern in patterns if pattern.endswith(".py")} - _TOO_BROAD


def more_tests(files: Mapping[str, str | None], argv: Sequence[str], tests: Iterable[str]) -> set[str]:
    """Return further test paths: matches of the settings, and files in test folders with known tests."""
    patterns = _patterns(files, argv)
    matches = {
        path
        for path in files
        for pattern in patterns
        if fnmatchcase(path if "/" in pattern else PurePosixPath(path).name, pattern)
    }
    folders = {PurePosixPath(path).parent for path in (*tests, *matches)}
    test_folders = {str(folder) for folder in folders if folder.name in _TEST_FOLDERS}
    return matches | {path for path in files if any(path.startswith(f"{folder}/") for folder in test_folders)}


def split_folder(argv: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Return the folder in which a command runs, and the command there: those of `cd FOLDER && CMD`.

    The folder is relative, `.` for any other command, such as one that leads outside of the workspace.
    """
    line = line_of(argv) or (argv[2] if len(argv) == 3 and _SHELL.match(argv[0]) and argv[1] == "-c" else "")
    match = _IN_FOLDER.fullmatch(line.strip())
    try:
        folder = shlex.split(match[1]) if match is not None else []
        inner = command_words(match[2]) if match is not None else ()
    except ValueError:
        return ".", tuple(argv)
    if len(folder) != 1 or not inner or line_of(inner) is not None:
        return ".", tuple(argv)
    path = posixpath.normpath(folder[0])
    is_outside = path.startswith(("/", "../", "~", "-")) or path == ".."
    return (".", tuple(argv)) if is_outside else (path, inner)


def split_assignments(argv: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the variables that a command sets, and the command without them, its folder and a launcher.

    `env` with options, and an assignment without a command, are treated as ordinary commands.
    """
    argv = split_folder(argv)[1]
    words = list(argv)
    if len(words) > 1 and PurePosixPath(words[0]).name == "env" and _ASSIGNMENT.match(words[1]):
        words = words[1:]
    variables: dict[str, str] = {}
    while words and _ASSIGNMENT.match(words[0]):
        name, _, value = words.pop(0).partition("=")
        variables[name] = value
    return (variables, without_launcher(words)) if words else ({}, tuple(argv))


def reporter_arguments(argv: Sequence[str]) -> list[str] | None:
    """Return the reporter's arguments for a Python test command, or None for another command."""
    argv = split_assignments(argv)[1]
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
    """Whether a command needs pytest in the task's interpreter."""
    return (reporter_arguments(argv) or [])[:2] == ["-m", "pytest"]
