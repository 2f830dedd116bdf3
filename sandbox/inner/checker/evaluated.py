"""Note the code that tests make of data: what an answer says may then decide them."""

from __future__ import annotations

import sys
from hashlib import blake2b
from typing import Any

_EVENTS = frozenset(("compile", "code.__new__", "marshal.loads", "pickle.find_class"))
"""Audit events of the interpreter that turn data into code, or into classes by their names."""
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
        if self._is_active and event in _EVENTS and len(self.digests) < _MOST:
            text = repr((event, *(one for one in args if isinstance(one, (str, bytes)))))
            self.digests.add(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest())
