"""Leave out of a chat's code what only shows it: prints, demonstrations, self-made tests, main guards."""

import ast

from coder.source.python_names import parse_source

_SHOWS = {"print", "input", "main", "testmod", "pprint", "display", "breakpoint"}


def without_shows(code: str, entry_point: str) -> str:
    """The module without the statements at its top level that print, assert, test or call the entry point.

    Imports, definitions, assignments, tables that are computed and settings of the interpreter stay.
    """
    tree = parse_source(code)
    if tree is None:
        return code
    lines = code.splitlines()
    kept = {line for node in tree.body if not _shows(node, entry_point) for line in _lines(node)}
    dropped = {line for node in tree.body if _shows(node, entry_point) for line in _lines(node)} - kept
    return "\n".join(line for number, line in enumerate(lines, 1) if number not in dropped).strip("\n") + "\n"


def _shows(node: ast.stmt, entry_point: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
        return False
    if isinstance(node, ast.If) and _is_main_guard(node.test):
        return True
    if isinstance(node, ast.If | ast.Try) and any(
        isinstance(part, ast.FunctionDef) for part in ast.walk(node)
    ):
        return False
    return any(isinstance(part, ast.Assert) or _is_show(part, entry_point) for part in ast.walk(node))


def _is_main_guard(test: ast.expr) -> bool:
    return any(isinstance(part, ast.Name) and part.id == "__name__" for part in ast.walk(test))


def _is_show(node: ast.AST, entry_point: str) -> bool:
    if not isinstance(node, ast.Call):
        return False
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name == entry_point or name in _SHOWS or name.startswith(("test", "run_test", "check"))
        case _:
            return False


def _lines(node: ast.stmt) -> range:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or node.lineno) + 1)
