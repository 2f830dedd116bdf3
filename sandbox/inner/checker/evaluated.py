"""Note the code that tests make of data: what an answer says may then decide them."""

from __future__ import annotations

import ast
import sys
from hashlib import blake2b
from types import FrameType
from typing import Any

from sandbox.inner.bridge.standard import names_plain

_EVENTS = frozenset(("compile", "code.__new__", "marshal.loads", "pickle.find_class"))
"""Audit events of the interpreter that turn data into code, or into classes by their names."""
_IMPORTER = "<frozen importlib._bootstrap>"
_MOST = 1_000


class Evaluated:
    """Data that became code, since the start of this process's weighing; the hook stays."""

    def __init__(self) -> None:
        self.digests: set[str] = set()
        self._is_active = False
        sys.addaudithook(self._note)

    def __enter__(self) -> None:
        self._is_active = True

    def __exit__(self, *error: object) -> None:
        self._is_active = False

    def _note(self, event: str, args: tuple[Any, ...]) -> None:
        is_noted = self._is_active and event in _EVENTS and len(self.digests) < _MOST
        if is_noted and not self._is_inert(event, args) and not _is_importing():
            text = repr((event, *(one for one in args if isinstance(one, (str, bytes)))))
            self.digests.add(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest())

    def _is_inert(self, event: str, args: tuple[Any, ...]) -> bool:
        """Whether data is a literal, or names a class of plain data: it can't do more than be compared."""
        if event == "pickle.find_class":
            return names_plain(*map(str, args[:2]))
        if not args or type(args[0]) not in (str, bytes):
            return False
        self._is_active = False  # parsing it is such an event, too
        try:
            text = args[0] if type(args[0]) is str else args[0].decode()
            ast.literal_eval(text.strip())
        except (SyntaxError, ValueError, RecursionError, MemoryError, TypeError):
            return False
        finally:
            self._is_active = True
        return True


def _is_importing() -> bool:
    """Whether a module is being imported, whose code comes from its file."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code.co_filename != _IMPORTER:
        frame = frame.f_back
    return frame is not None
