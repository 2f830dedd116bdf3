"""The names that a check may use: its own, builtins, the standard library's, and else the candidate's."""

from __future__ import annotations

import ast
import builtins
import importlib
from typing import Any

from sandbox.inner.checker.asserts import FAIL, fail
from sandbox.inner.checker.test_imports import is_standard


class Namespace(dict):  # type: ignore[type-arg]
    """Globals of a check: a name that isn't there is looked up in the candidate's module, each time anew.

    A builtin stays a builtin, whatever the candidate defines, unless it is `entry_point`, the name that the
    task asked for; `math.` stays the standard library's.
    """

    def __init__(self, module: str, name: str, *, entry_point: str | None = None) -> None:
        super().__init__({"__name__": name, "__builtins__": builtins, FAIL: fail})
        self._module = module
        self._entry_point = entry_point
        self._standard: set[str] = set()

    def prepare(self, tree: ast.AST) -> None:
        """Know which names `tree` uses as modules of the standard library (`math.pi`)."""
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                name = node.value.id
                if is_standard(name):
                    self._standard.add(name)

    def __missing__(self, name: str) -> Any:
        if name != self._entry_point and (hasattr(builtins, name) or name.startswith("__")):
            raise KeyError(name)
        if name in self._standard:
            return importlib.import_module(name)
        try:
            return getattr(importlib.import_module(self._module), name)
        except AttributeError:
            raise KeyError(name) from None
