"""The files through which a test command decides: those that it names, and what its tool reads."""

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from coder.source.python_names import imported_modules
from coder.source.shell import line_of

MODULES = "node_modules"
"""Folder of what was installed for Node: shown to programs, and no part of any copy."""
_OF_TOOL = {
    "make": ("GNUmakefile", "makefile", "Makefile"),
    "just": ("justfile", ".justfile", "Justfile"),
    "tox": ("tox.ini", "tox.toml"),
    "nox": ("noxfile.py",),
    "jest": ("package.json",),
    "vitest": ("package.json",),
    "npx": ("package.json",),
    "npm": ("package.json",),
    "yarn": ("package.json",),
    "pnpm": ("package.json",),
}
TOOL_FILES = frozenset(name for names in _OF_TOOL.values() for name in names)
"""Files that say what a test command does."""
_WORD = re.compile(r"[\w./-]+")
_TESTS = re.compile(r"\bassert|\bunittest\b|\bpytest\b|\bdoctest\b")
_PYTHON = re.compile(r"^(?:.*/)?python(?:3(?:\.\d+)?)?$")
_PYTEST = re.compile(r"^(?:.*/)?(?:pytest|py\.test)$")
_OTHER_LANGUAGE = re.compile(
    r"_test\.go$|[._](test|spec)\.[cm]?[jt]sx?$|(^|[_-])tests?\.(sh|bats)$|\.bats$"
    r"|(^|/)(jest|vitest|vite|karma|playwright)\.config\.[cm]?[jt]s$|(^|/)\.mocharc\."
)


def deciding_files(argv: Sequence[str], files: Mapping[str, str | None], *, prompt: str) -> set[str]:
    """Paths that an answer may not write, since the command would then decide what the answer likes.

    Args:
        argv: the test command.
        files: text of each of the user's files, None for what is no text.
        prompt: a script that is itself what the task is about, and named as such, decides nothing.
    """
    line = line_of(argv)
    tools = parted(argv)[1][:1] if line is None else _WORD.findall(line)
    found = {path for path in files if _OTHER_LANGUAGE.search(path)}
    found |= {path for tool in tools for path in _OF_TOOL.get(PurePosixPath(tool).name, ())}
    waiting = [word for argument in argv for word in _WORD.findall(argument)]
    waiting += [word for path in found for word in _scripts_in(files.get(path), files)]
    while waiting:
        path = PurePosixPath(waiting.pop()).as_posix()
        if path in files and path not in found and not _is_the_task(path, prompt):
            found.add(path)
            if not path.endswith(".py"):
                waiting += _scripts_in(files[path], files)
    return found


def _scripts_in(text: str | None, files: Mapping[str, str | None]) -> list[str]:
    """Scripts that a script or a Makefile names: the shell's, and Python's where they test a module."""
    words = _WORD.findall(text or "")
    return [word for word in words if word.endswith((".sh", ".bash")) or _tests_a_module(word, files)]


def _tests_a_module(word: str, files: Mapping[str, str | None]) -> bool:
    text = files.get(PurePosixPath(word).as_posix()) or ""
    if not word.endswith(".py") or not _TESTS.search(text):
        return False
    tops = {module.partition(".")[0] for module in imported_modules(text)}
    return bool(tops - sys.stdlib_module_names)


def _is_the_task(path: str, prompt: str) -> bool:
    """Whether a script is the only one that the prompt names."""
    return set(re.findall(r"[\w./-]+\.(?:py|sh|bash)\b", prompt)) == {path}


_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def parted(argv: Sequence[str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The variables that a command sets, and the command without them.

    An `env` with options of its own is a command like any other, and so is an assignment without a command.
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
