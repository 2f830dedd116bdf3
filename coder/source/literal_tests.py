"""Tests that only compare what a call with literal arguments gives with a literal.

Nothing about them depends on the process that the code runs in, so such a test that passes beside the code
and fails away from it was tampered with.
"""

import ast
import sys


def is_plain(source: str, test: str) -> bool:
    """Whether a test, named `path::Class::method[parameters]`, does nothing but such comparisons."""
    names = test.partition("[")[0].split("::")[1:]
    function: ast.AST = ast.parse(source)
    modules = _modules(function)
    for name in names:
        inside = (node for node in getattr(function, "body", ()) if getattr(node, "name", None) == name)
        function = next(inside, function)
    if not isinstance(function, ast.FunctionDef) or function.name != names[-1]:
        return False
    values = {argument.arg for argument in function.args.args} - {"self"}
    if values and not all(map(_is_parametrize, function.decorator_list)):
        return False
    if not values <= _parametrized(function):
        return False
    return all(
        _compares(statement, values, modules) for statement in function.body if not _is_text(statement)
    )


def _compares(statement: ast.stmt, values: set[str], modules: set[str]) -> bool:
    if isinstance(statement, ast.Assert) and isinstance(statement.test, ast.Compare):
        test = statement.test
        if len(test.ops) != 1 or not isinstance(test.ops[0], ast.Eq):
            return False
        sides = [test.left, *test.comparators]
    elif isinstance(statement, ast.Expr) and _called(statement.value) in ("assertEqual", "assertEquals"):
        assert isinstance(statement.value, ast.Call)
        sides = statement.value.args[:2]
    else:
        return False
    calls = [side for side in sides if isinstance(side, ast.Call)]
    return len(calls) == 1 and all(_is_simple(side, values, modules) for side in sides)


def _is_simple(node: ast.expr, values: set[str], modules: set[str]) -> bool:
    """A literal, a parameter, or a call by a name, of a module or bare, with such arguments."""
    if isinstance(node, ast.Call):
        arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
        return _is_name(node.func, modules) and all(_is_simple(one, values, modules) for one in arguments)
    if isinstance(node, ast.Name):
        return node.id in values
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, MemoryError, RecursionError):
        return False
    return True


def _is_name(function: ast.expr, modules: set[str]) -> bool:
    if isinstance(function, ast.Name):
        return True
    while isinstance(function, ast.Attribute):
        function = function.value
    return isinstance(function, ast.Name) and function.id in modules


def _modules(tree: ast.AST) -> set[str]:
    """Names that a test file imports; what is Python's own may depend on the process."""
    found: set[str] = set()
    for node in getattr(tree, "body", ()):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        for alias in node.names:
            origin = (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
            if origin.partition(".")[0] not in sys.stdlib_module_names:
                found.add(alias.asname or alias.name.partition(".")[0])
    return found


def _called(node: ast.expr) -> str:
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _is_parametrize(node: ast.expr) -> bool:
    return _called(node) == "parametrize"


def _parametrized(function: ast.FunctionDef) -> set[str]:
    """Parameters that get literals."""
    found: set[str] = set()
    for node in function.decorator_list:
        if isinstance(node, ast.Call) and _is_parametrize(node) and len(node.args) == 2:
            names = node.args[0]
            if isinstance(names, ast.Constant) and _is_simple(node.args[1], set(), set()):
                found |= {name.strip() for name in str(names.value).split(",")}
    return found


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
