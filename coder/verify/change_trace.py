"""Whether a test or command runs code of a change, as a trace of the Python programs that it starts shows.

A check that only looks for a file, or for a text in a source, passes with the change and fails without it,
and shows nothing of what the code does.
"""

import ast
import json
import posixpath
import re
from collections.abc import Collection, Mapping
from importlib.resources import files

from pydantic import BaseModel

from coder.source.languages import language_of
from coder.source.python_names import parse_source
from sandbox import FileRefused, Sandbox

FOLDER = ".coder_trace"
"""Folder in the sandbox's workspace for the trace; never part of an answer."""
_RAN, _SEEN = f"{FOLDER}/ran", f"{FOLDER}/seen"
_MAX_SEEN_BYTES = 100_000
_WORD = re.compile(r"[\w./-]+")
_MODULE = re.compile(r"-m\s*([\w.]+)")
_PROGRAMS = ("python", "python3", "pytest")
_STAND_IN = """\
#!/bin/sh
# Stands for a program of Python's on the PATH of a check, which may set PYTHONPATH.
bin=${0%/*}
PYTHONPATH="${bin%/*}${PYTHONPATH:+:$PYTHONPATH}"; export PYTHONPATH
PATH=${PATH#"$bin:"}; export PATH
exec "${0##*/}" "$@"
"""
_SHELL = """\
trace="$PWD/{0}"; PYTHONPATH="$trace${{PYTHONPATH:+:$PYTHONPATH}}" PATH="$trace/bin:$PATH" exec bash -c "$0"
"""


class ChangedCode(BaseModel, frozen=True):
    """Code of a change, without its tests."""

    functions: dict[str, tuple[int, ...]] = {}
    """First lines of the new and changed functions, and of classes with bases or decorators, by path."""
    files: tuple[str, ...] = ()
    """Python files that differ outside of these, and data files."""
    has_other_language: bool = False
    """Whether files in other languages than Python change, whose programs aren't traced."""


class Seen(BaseModel, frozen=True):
    """What ran or read files of a change, as the trace shows."""

    programs: frozenset[str] = frozenset()
    """Files that ran as programs."""
    openers: dict[str, frozenset[int]] = {}
    """First lines of functions, or lines outside of functions, that opened changed data, by path."""


def find_changed_code(before: Mapping[str, str], after: Mapping[str, str]) -> ChangedCode:
    """Return the code in which `after` differs from `before`, texts by path; comments are no code."""
    functions: dict[str, tuple[int, ...]] = {}
    other_files = []
    languages = {path: language_of(path) for path in after}
    for path, text in after.items():
        old_tree, new_tree = parse_source(before.get(path, "")), parse_source(text)
        if languages[path] is None or (languages[path] == "python" and new_tree is None):
            other_files.append(path)
        elif languages[path] == "python" and new_tree is not None:
            try:
                old, new = _Definitions(old_tree or ast.Module([], [])), _Definitions(new_tree)
            except RecursionError:  # an expression of hundreds of operators
                other_files.append(path)
                continue
            scopes = {name.rpartition(".")[0] for name in old.texts.keys() - new.texts.keys()}
            changed = {name for name, text in new.texts.items() if text != old.texts.get(name)} | scopes
            if lines := sorted({new.lines[name] for name in changed & new.lines.keys()}):
                functions[path] = tuple(lines)
            if changed - new.lines.keys():
                other_files.append(path)
    has_other = any(language not in (None, "python") for language in languages.values())
    return ChangedCode(functions=functions, files=tuple(other_files), has_other_language=has_other)


class _Definitions(ast.NodeTransformer):
    """The own code of each function and class, and of the module, without docstrings and inner ones."""

    def __init__(self, tree: ast.Module) -> None:
        self.texts: dict[str, str] = {}
        """Syntax trees as texts by dotted name; the module's is empty."""
        self.lines: dict[str, int] = {}
        """First lines, as code objects have them, of functions and of classes that their bases give code."""
        self._outer = ""
        self._strip(tree)
        self.texts[""] = ast.dump(tree)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Record a function."""
        self._add(node, has_code=True)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        """Record a function."""
        self._add(node, has_code=True)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        """Record a class; one that only holds constants runs nothing."""
        self._add(node, has_code=bool(node.bases or node.keywords or node.decorator_list))

    def _add(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, *, has_code: bool) -> None:
        outer, name = self._outer, f"{self._outer}.{node.name}".lstrip(".")
        while name in self.texts:  # overloads, and the setter of a property
            name += "'"
        line = min(part.lineno for part in (node, *node.decorator_list))
        self.texts[name], self._outer = "", name
        self._strip(node)
        self.texts[name], self._outer = ast.dump(node), outer
        if has_code:
            self.lines[name] = line

    def _strip(self, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> None:
        if ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
        self.generic_visit(node)


async def lay_trace(sandbox: Sandbox, changed: ChangedCode, tests: Collection[str]) -> None:
    """Lay the trace into the sandbox's workspace.

    Args:
        tests: files of tests and of commands, whose own code is not the change's.
    """
    settings = {"functions": changed.functions, "files": changed.files, "tests": sorted(tests)}
    start = files("coder.verify.inside").joinpath("change_start.py").read_bytes()
    await sandbox.write(f"{FOLDER}/sitecustomize.py", start)
    await sandbox.write(f"{FOLDER}/settings.json", json.dumps(settings).encode())
    for name in _PROGRAMS:
        await sandbox.write(f"{FOLDER}/bin/{name}", _STAND_IN.encode(), executable=True)


def started_files(command: str, paths: Collection[str]) -> set[str]:
    """Return the files among `paths` that a command line starts as programs or names as their arguments."""
    modules = {f"{module.replace('.', '/')}.py" for module in _MODULE.findall(command)}
    return {posixpath.normpath(word) for word in _WORD.findall(command)}.union(modules) & {*paths}


def traced_shell(line: str) -> tuple[str, ...]:
    """Return the command by which bash runs a line in the workspace with the trace."""
    return ("bash", "-c", _SHELL.format(FOLDER), line)


def traced(environment: Mapping[str, str], *, folder: str) -> dict[str, str]:
    """Return the variables of a command with the trace first on PYTHONPATH.

    Args:
        folder: the folder of the workspace in which the command runs.
    """
    entries = [posixpath.relpath(FOLDER, folder), environment.get("PYTHONPATH", "")]
    return {**environment, "PYTHONPATH": ":".join(filter(None, entries))}


async def has_run(sandbox: Sandbox) -> bool:
    """Return whether a program has run code of the change since the trace was laid."""
    try:
        await sandbox.read(_RAN, limit=1)
    except FileRefused:
        return False
    return True


async def find_seen(sandbox: Sandbox) -> Seen:
    """Return what ran or read files of the change since the trace was laid."""
    try:
        rows = (await sandbox.read(_SEEN, limit=_MAX_SEEN_BYTES)).decode("utf-8", "replace").splitlines()
    except FileRefused:
        return Seen()
    programs, openers = set[str](), dict[str, set[int]]()
    for row in rows:
        line, _, path = row.partition(" ")
        if line == "0":
            programs.add(path)
        elif line.isdecimal():
            openers.setdefault(path, set()).add(int(line))
    found = {path: frozenset(lines) for path, lines in openers.items()}
    return Seen(programs=frozenset(programs), openers=found)
