"""Sanity: what can be seen of a function without running it. Such code can't be what was asked for."""

import ast

from coder.source.python_names import free_names, parse_source


def is_sane(source: str, name: str) -> bool:
    """Whether `source` parses, defines the function `name` with a body that gives something, and uses no
    name that nothing defines."""
    tree = parse_source(source)
    if tree is None or free_names(source):
        return False
    return any(
        isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name and _gives(node)
        for node in tree.body
    )


def _gives(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether some path of it returns or yields a value, or it changes what it was given."""
    own = {argument.arg for argument in function.args.args}
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and not (node.value is None or _is_none(node.value)):
            return True
        if isinstance(node, ast.Yield | ast.YieldFrom):
            return True
        if isinstance(node, ast.Subscript | ast.Attribute) and _is_store_into(node, own):
            return True
    return False


def _is_store_into(node: ast.Subscript | ast.Attribute, names: set[str]) -> bool:
    return isinstance(node.ctx, ast.Store) and isinstance(node.value, ast.Name) and node.value.id in names


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None
