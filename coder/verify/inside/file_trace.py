"""Record which files of the workspace the tests open or import, and which files' code opens them.

In the sandbox's archive with reporter.py; standard library of Python 3.8 only. Files that a started program
opens aren't seen, only the files that its arguments name.
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

MAX_PATHS = 2_000
MAX_OPENERS = 8
"""Openers recorded for one path."""
_MAX_PATH_CHARACTERS = 300
"""Longest recorded path in characters."""
_MAX_CACHED = 20_000
"""Number of paths whose relative form is cached."""
_MAX_LOOKS = 50
"""Maximum inspections of a function's callers for each file that the function opens."""
_CACHE = "__pycache__"
_START_EVENTS = {"subprocess.Popen", "os.posix_spawn"}


class FileTrace:
    """Records which files' code opens the workspace's files, from the creation of this object on.

    The opener is the file whose code forms the path: the nearest one on the stack that didn't get the path as
    an argument.

    Args:
        names: files of the workspace; others aren't recorded.
        root: the workspace.
    """

    def __init__(self, names: list[str], root: str) -> None:
        self._root, self._names = os.path.realpath(root) + os.sep, set(names)
        self._paths: dict[str, str] = {}
        self._look_counts: dict[tuple[str, object], int] = {}
        self.opened: dict[str, list[str]] = {}
        """Openers by path; an empty list for a path that only libraries open."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" and event != "sqlite3.connect" and event not in _START_EVENTS:
            return
        try:
            if event in _START_EVENTS:
                for word in [args[0], *(args[1] or ())]:
                    self._note(word)
            elif event == "sqlite3.connect" or _reads(args):
                self._note(args[0])
        except Exception:  # noqa: BLE001 - an exception would end what the test does
            return

    def _note(self, opened: object) -> None:
        path = self._relative(opened)
        if path not in self._names or len(path) > _MAX_PATH_CHARACTERS:
            return
        frame: Any = sys._getframe(2)
        while frame is not None and not self._relative(frame.f_code.co_filename):
            frame = frame.f_back
        key = (path, frame and frame.f_code)
        look_count = self._look_counts.get(key, 0)
        if look_count >= _MAX_LOOKS or (path not in self.opened and len(self.opened) >= MAX_PATHS):
            return
        self._look_counts[key] = look_count + 1
        opener, openers = self._opener(frame, path), self.opened.setdefault(path, [])
        if opener and opener not in (path, *openers) and len(openers) < MAX_OPENERS:
            openers.append(opener)

    def _opener(self, frame: Any, path: str) -> str:
        outermost = ""
        while frame is not None:
            file = self._relative(frame.f_code.co_filename)
            if file:
                outermost = file
                if not self._gets(frame, path):
                    return file
            frame = frame.f_back
        return outermost

    def _gets(self, frame: Any, path: str) -> bool:
        """Return whether the code of a frame got the path as an argument."""
        code = frame.f_code
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not arguments:
            return False
        values = frame.f_locals
        return any(self._relative(values.get(name)) == path for name in arguments)

    def _relative(self, path: object) -> str:
        """Return a path relative to the workspace, of the source for a cache file; empty if outside."""
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, (str, pathlib.PurePath)):
            return ""
        full_path = os.path.join(os.getcwd(), str(path))
        if full_path not in self._paths:
            if len(self._paths) >= _MAX_CACHED:
                self._paths.clear()
            self._paths[full_path] = self._find(full_path)
        return self._paths[full_path]

    def _find(self, full_path: str) -> str:
        real_path = os.path.realpath(full_path)
        if not real_path.startswith(self._root):
            return ""
        folder, name = os.path.split(real_path[len(self._root) :])
        if os.path.basename(folder) == _CACHE:
            folder, name = os.path.dirname(folder), name.partition(".")[0] + ".py"
        path = os.path.join(folder, name)
        return path if path in self._names else ""


def _reads(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return "r" in mode or "+" in mode
    return bool((flags & os.O_ACCMODE) != os.O_WRONLY)
