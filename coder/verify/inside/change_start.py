"""Record whether a Python program runs code of a change: its `sitecustomize`.

Laid in a folder of its own, which is first on PYTHONPATH, beside settings.json: {"functions": first lines of
the changed functions by path, "files": other changed files, "tests": files that only the tests use}. The file
`ran` appears once a changed function has run, a changed file has run as a program, or a function of the
project has run in a program that imported or opened a changed file: a test of a constant runs nothing. The
lines of `seen` are a number and a path: 0 and a changed file that has run as a program, or the first line of
a function, or a line outside of functions, that has opened changed data.
Standard library only (Python 3.8 and later).
"""

from __future__ import annotations

import json
import os
import sys
import threading
import types
from importlib.machinery import PathFinder
from typing import Any

_FOLDER = os.path.dirname(os.path.abspath(__file__))
_IS_FUNCTION = 1
"""Flag of code objects of functions, unlike those of modules and classes."""
_NOT_OURS = (os.sep + "site-packages" + os.sep, os.sep + ".")
"""Parts of paths to installed modules and to hidden folders."""


class _Trace:
    def __init__(self, settings: dict[str, Any]) -> None:
        self._root = os.path.dirname(_FOLDER) + os.sep
        self._functions = {path: set(lines) for path, lines in settings["functions"].items()}
        self._files, self._tests = set(settings["files"]), set(settings["tests"])
        self._paths: dict[str, str] = {}
        self._is_touched = self._is_called = self._has_run = self._has_begun = False
        self._seen: set[tuple[int, str]] = set()

    def start(self) -> None:
        threading.setprofile(self._hear_call)
        sys.setprofile(self._hear_call)
        if any(not path.endswith(".py") for path in self._files):
            sys.addaudithook(self._hear_open)

    def _hear_call(self, frame: Any, event: str, argument: object) -> None:
        if event != "call":
            return
        if self._has_run and self._has_begun:
            sys.setprofile(None)
            return
        code = frame.f_code
        is_module = code.co_name == "<module>"  # it has a first line, too
        is_program = is_module and frame.f_globals.get("__name__") == "__main__"
        self._has_begun = self._has_begun or is_program
        generated = code.co_filename.startswith("<")  # by dataclasses, in a module of the project
        path = self._relative(str(frame.f_globals.get("__file__", "")) if generated else code.co_filename)
        if not path or path in self._tests:
            return
        if code.co_firstlineno in self._functions.get(path, ()) and not (is_module or generated):
            self._note_run()
        elif code.co_flags & _IS_FUNCTION:
            self._is_called = self._is_called or not self._is_importing(frame)
        elif path in self._files and is_module:
            self._is_touched = True
            self._is_called = self._is_called or is_program
            if is_program:
                self._note_seen(0, path)
        if self._is_touched and self._is_called:
            self._note_run()

    def _hear_open(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not isinstance(args[0], (str, bytes)):
            return
        path = self._relative(os.fsdecode(args[0]))
        if path not in self._files or path.endswith(".py"):
            return
        frame: Any = sys._getframe(1)
        while frame is not None and not self._relative(frame.f_code.co_filename):
            frame = frame.f_back
        opener = self._relative(frame.f_code.co_filename) if frame is not None else ""
        if not opener or opener in self._tests:
            return
        is_function = frame.f_code.co_flags & _IS_FUNCTION
        self._note_seen(frame.f_code.co_firstlineno if is_function else frame.f_lineno, opener)
        self._is_touched = True
        if self._is_called:
            self._note_run()

    def _is_importing(self, frame: Any) -> bool:
        """Return whether a module of the project is being imported: what it calls, no test has called."""
        while frame is not None:
            if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__":
                path = self._relative(frame.f_code.co_filename)
                if path and path not in self._tests:
                    return True
            frame = frame.f_back
        return False

    def _relative(self, path: str) -> str:
        """Return a path relative to the workspace; empty if it is outside or installed."""
        if path not in self._paths:
            full_path = os.path.realpath(path)
            is_ours = full_path.startswith(self._root) and not any(
                part in full_path[len(self._root) - 1 :] for part in _NOT_OURS
            )
            self._paths[path] = full_path[len(self._root) :] if is_ours else ""
        return self._paths[path]

    def _note_seen(self, line: int, path: str) -> None:
        if (line, path) not in self._seen:
            self._seen.add((line, path))
            with open(os.path.join(_FOLDER, "seen"), "a", encoding="utf-8") as file:
                file.write(f"{line} {path}\n")

    def _note_run(self) -> None:
        if self._has_run:
            return
        self._has_run = True
        with open(os.path.join(_FOLDER, "ran"), "w"):
            pass


def _start() -> None:
    # A program that this one starts may run in another folder.
    folders = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.environ["PYTHONPATH"] = os.pathsep.join(
        _FOLDER if os.path.abspath(path) == _FOLDER else path for path in folders
    )
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != _FOLDER]
    with open(os.path.join(_FOLDER, "settings.json"), encoding="utf-8") as file:
        trace = _Trace(json.load(file))
    spec = PathFinder.find_spec("sitecustomize")  # the interpreter's, if it has one
    if spec is not None and spec.loader is not None:
        module = sys.modules["sitecustomize"] = types.ModuleType("sitecustomize")
        module.__spec__, module.__file__ = spec, spec.origin
        spec.loader.exec_module(module)
    trace.start()


_start()
