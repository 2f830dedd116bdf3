"""Tell whether a test failed because a name, parameter or module that the change adds is missing.

In the sandbox's archive with reporter.py; standard library only. The exception's attributes, the frames and
the syntax of the failing line decide, never a message, which the code under test can write.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from types import ModuleType, TracebackType
from typing import Any


class AddedNames:
    """Names that a change adds to the code, as the host has found them."""

    def __init__(self, added: dict[str, Any], names: list[str], root: str) -> None:
        self._names, self._modules = set(added["names"]), set(added["modules"])
        self._parameters: dict[str, list[str]] = added["parameters"]
        self._positional: dict[str, int] = added["positional"]
        self._root, self._files = os.path.realpath(root) + os.sep, set(names)

    def explain(self, error: BaseException, ours: list[str]) -> bool:
        """Return whether a line of the tests (`ours`) failed for lack of an added name."""
        innermost = error.__traceback__
        while innermost is not None and innermost.tb_next is not None:
            innermost = innermost.tb_next
        if innermost is None:
            return False
        path = os.path.realpath(innermost.tb_frame.f_code.co_filename)
        relative_path = path[len(self._root) :]
        is_test = path.startswith(self._root) and any(
            relative_path == test_path or relative_path.startswith(f"{test_path}/") for test_path in ours
        )
        if not is_test:
            return False
        if isinstance(error, AttributeError):
            return getattr(error, "name", None) in self._names and self._is_of_code(
                getattr(error, "obj", None), ours
            )
        if isinstance(error, ImportError):
            return error.name in self._modules or self._is_not_in(error.name, path, innermost)
        return isinstance(error, TypeError) and any(
            self._is_new_call(call, innermost) for call in _at(ast.Call, path, innermost)
        )

    def _is_of_code(self, obj: object, ours: list[str]) -> bool:
        """Return whether an object, or its class, is or comes from a project module that isn't a test."""
        if isinstance(obj, ModuleType):
            file = getattr(obj, "__file__", None)
        else:
            kind = obj if isinstance(obj, type) else type(obj)
            module_name = obj.__module__ if callable(obj) and hasattr(obj, "__module__") else kind.__module__
            file = getattr(sys.modules.get(str(module_name)), "__file__", None)
        relative_path = os.path.realpath(file)[len(self._root) :] if file else ""
        return relative_path in self._files and relative_path not in ours

    def _is_not_in(self, module: str | None, path: str, innermost: TracebackType) -> bool:
        """Return whether the failing import needs a name that the change adds to a module of the project."""
        loaded_module = sys.modules.get(module or "")
        if loaded_module is None or not self._is_of_code(loaded_module, []):
            return False
        imported_names = {alias.name for node in _at(ast.ImportFrom, path, innermost) for alias in node.names}
        return any(name in self._names and not hasattr(loaded_module, name) for name in imported_names)

    def _is_new_call(self, call: ast.Call, innermost: TracebackType) -> bool:
        """Return whether a call passes an added parameter, by name or position."""
        function_name = (
            call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        )
        if function_name not in self._parameters:
            return False
        passed_names = {keyword.arg for keyword in call.keywords}
        for keyword in call.keywords:
            if keyword.arg is None and isinstance(keyword.value, ast.Name):
                arguments = innermost.tb_frame.f_locals.get(keyword.value.id)
                passed_names |= set(arguments) if type(arguments) is dict else set()
        is_longer = len(call.args) > self._positional[function_name]
        return is_longer or not passed_names.isdisjoint(self._parameters[function_name])


def _at(kind: Any, path: str, innermost: TracebackType) -> Iterator[Any]:
    """Yield the syntax nodes of a kind in the failing line."""
    try:
        with open(path, "rb") as file:
            tree = ast.parse(file.read())
    except (OSError, SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, kind) and node.lineno <= innermost.tb_lineno <= (node.end_lineno or node.lineno):
            yield node
