"""Record which files of the workspace the tests open or import, and which files' code does so.

In the sandbox's archive with reporter.py; standard library of Python 3.8 only. What a started program opens
isn't seen, only the files that its arguments name.
"""

from __future__ import annotations

import os
import pathlib
import sys
from typing import Any

MOST_PATHS = 2_000
MOST_OPENERS = 8
"""Of one path."""
_LONGEST = 300
"""Characters of a path."""
_MOST_KNOWN = 20_000
"""Paths whose place relative to the workspace is kept."""
_MOST_LOOKS = 50
"""Times that the callers of one function that opens one file are looked at."""
_CACHE = "__pycache__"
_STARTS = {"subprocess.Popen", "os.posix_spawn"}


class FileTrace:
    """The openers of files of the workspace, from now on.

    The opener is the file whose code forms the path: the nearest one on the stack that didn't get the path as
    an argument.

    Args:
        names: files of the workspace; others aren't recorded.
        root: the workspace.
    """

    def __init__(self, names: list[str], root: str) -> None:
        self._root, self._names = os.path.realpath(root) + os.sep, set(names)
        self._paths: dict[str, str] = {}
        self._looks: dict[tuple[str, object], int] = {}
        self.opened: dict[str, list[str]] = {}
        """Openers by path; a path that only libraries open has none."""
        sys.addaudithook(self._hear)

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if event != "open" and event != "sqlite3.connect" and event not in _STARTS:
            return
        try:
            if event in _STARTS:
                for word in [args[0], *(args[1] or ())]:
                    self._note(word)
            elif event == "sqlite3.connect" or _reads(args):
                self._note(args[0])
        except Exception:  # noqa: BLE001 - an exception would end what the test does
            return

    def _note(self, opened: object) -> None:
        path = self._relative(opened)
        if path not in self._names or len(path) > _LONGEST:
            return
        frame: Any = sys._getframe(2)
        while frame is not None and not self._relative(frame.f_code.co_filename):
            frame = frame.f_back
        place = (path, frame and frame.f_code)
        looks = self._looks.get(place, 0)
        if looks >= _MOST_LOOKS or (path not in self.opened and len(self.opened) >= MOST_PATHS):
            return
        self._looks[place] = looks + 1
        opener, openers = self._opener(frame, path), self.opened.setdefault(path, [])
        if opener and opener not in (path, *openers) and len(openers) < MOST_OPENERS:
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
        """Whether the code of a frame has got the path as an argument."""
        code = frame.f_code
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if not arguments:
            return False
        values = frame.f_locals
        return any(self._relative(values.get(name)) == path for name in arguments)

    def _relative(self, path: object) -> str:
        """A path relative to the workspace, of a module's cache that of its source; empty for any other."""
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if not isinstance(path, (str, pathlib.PurePath)):
            return ""
        whole = os.path.join(os.getcwd(), str(path))
        if whole not in self._paths:
            if len(self._paths) >= _MOST_KNOWN:
                self._paths.clear()
            self._paths[whole] = self._find(whole)
        return self._paths[whole]

    def _find(self, whole: str) -> str:
        real = os.path.realpath(whole)
        if not real.startswith(self._root):
            return ""
        folder, name = os.path.split(real[len(self._root) :])
        if os.path.basename(folder) == _CACHE:
            folder, name = os.path.dirname(folder), name.partition(".")[0] + ".py"
        path = os.path.join(folder, name)
        return path if path in self._names else ""


def _reads(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return "r" in mode or "+" in mode
    return bool((flags & os.O_ACCMODE) != os.O_WRONLY)
