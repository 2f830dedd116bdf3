"""The names that a check may use: builtins, the standard library's, and the candidate's."""

from __future__ import annotations

import ast
import builtins
import importlib
from typing import Any

from sandbox.inner.asserts import FAIL, fail
from sandbox.inner.imports import is_standard


def namespace(tree: ast.AST, module: str, *, name: str = "check") -> dict[str, Any]:
    """Globals to run `tree` in: each name that it uses and doesn't define is the candidate's.

    A builtin stays a builtin, whatever the candidate defines; `math.` stays the standard library's.

    Raises:
        BaseException: what the candidate's module raised when it was imported.
    """
    space: dict[str, Any] = {"__name__": name, FAIL: fail}
    for used in _undefined(tree):
        if used in _attribute_bases(tree) and is_standard(used):
            space[used] = importlib.import_module(used)
            continue
        candidate = importlib.import_module(module)
        try:
            space[used] = getattr(candidate, used)
        except AttributeError:
            continue  # a NameError, if it comes to that, says it better
    return space


def _undefined(tree: ast.AST) -> list[str]:
    used: dict[str, None] = {}
    defined = set(vars(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) and not node.id.startswith("@"):
                used[node.id] = None
            else:
                defined.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            defined.add(node.name)
        elif isinstance(node, ast.arg):
            defined.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            defined.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            defined.update((alias.asname or alias.name).partition(".")[0] for alias in node.names)
    return [name for name in used if name not in defined and not name.startswith("__")]


def _attribute_bases(tree: ast.AST) -> set[str]:
    return {
        node.value.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
