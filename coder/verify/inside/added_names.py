"""Tell whether a test failed because a name, parameter or module that the change adds isn't there.

In the sandbox's archive with reporter.py; standard library only. Decided by the exception's attributes, the
frames and the syntax of the line that failed: never by a message, which the code under test can write.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any


class AddedNames:
    """What a change adds to the code, as the host has compared it."""

    def __init__(self, added: dict[str, Any], names: list[str], root: str) -> None:
        self._names, self._modules = set(added["names"]), set(added["modules"])
        self._parameters: dict[str, list[str]] = added["parameters"]
        self._positional: dict[str, int] = added["positional"]
        self._here, self._files = os.path.realpath(root) + os.sep, set(names)

    def explain(self, error: BaseException, ours: list[str]) -> bool:
        """Whether a line of the tests (`ours`) failed for what isn't there without the change."""
        last = error.__traceback__
        while last is not None and last.tb_next is not None:
            last = last.tb_next
        if last is None:
            return False
        path = os.path.realpath(last.tb_frame.f_code.co_filename)
        place = path[len(self._here) :]
        is_test = path.startswith(self._here) and any(
            place == one or place.startswith(f"{one}/") for one in ours
        )
        if not is_test:
            return False
        if isinstance(error, AttributeError):
            return getattr(error, "name", None) in self._names and self._is_of_code(
                getattr(error, "obj", None), ours
            )
        if isinstance(error, ImportError):
            return error.name in self._modules or self._is_not_in(error.name, path, last)
        return isinstance(error, TypeError) and any(
            self._is_new_call(call, last) for call in _at(ast.Call, path, last)
        )

    def _is_of_code(self, thing: object, ours: list[str]) -> bool:
        """Whether a file of the project that isn't a test defines an object, its class or this module."""
        if isinstance(thing, ModuleType):
            file = getattr(thing, "__file__", None)
        else:
            kind = thing if isinstance(thing, type) else type(thing)
            own = thing.__module__ if callable(thing) and hasattr(thing, "__module__") else kind.__module__
            file = getattr(sys.modules.get(str(own)), "__file__", None)
        place = os.path.realpath(file)[len(self._here) :] if file else ""
        return place in self._files and place not in ours

    def _is_not_in(self, module: str | None, path: str, last: TracebackType) -> bool:
        """Whether the import that failed wants an added name of a module of the project."""
        loaded = sys.modules.get(module or "")
        if loaded is None or not self._is_of_code(loaded, []):
            return False
        wanted = {alias.name for node in _at(ast.ImportFrom, path, last) for alias in node.names}
        return any(name in self._names and not hasattr(loaded, name) for name in wanted)

    def _is_new_call(self, call: ast.Call, last: TracebackType) -> bool:
        """Whether a call passes an added parameter, by its name or its place."""
        called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if called not in self._parameters:
            return False
        passed = {keyword.arg for keyword in call.keywords}
        for keyword in call.keywords:
            if keyword.arg is None and isinstance(keyword.value, ast.Name):
                arguments = last.tb_frame.f_locals.get(keyword.value.id)
                passed |= set(arguments) if type(arguments) is dict else set()
        is_longer = len(call.args) > self._positional[called]
        return is_longer or not passed.isdisjoint(self._parameters[called])


def _at(kind: Any, path: str, last: TracebackType) -> Iterator[Any]:
    """Nodes of a kind in the line that failed."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, kind) and node.lineno <= last.tb_lineno <= (node.end_lineno or node.lineno):
            yield node
