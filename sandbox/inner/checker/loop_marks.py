"""Mark the assertions that a test makes in loops: one that is never reached asserts nothing.

A loop over the candidate's value would let an empty one pass. Assertions under a condition aren't marked, as
the test itself allows to leave them out.
"""

from __future__ import annotations

import ast

REACHED = "@reached"
"""Name of the function that a mark calls with its place; it is no identifier, so no source can contain it."""


def mark_loops(tree: ast.Module) -> ast.Module:
    """Add a mark to each assertion in a loop, and to each element of a comprehension in an assertion."""
    tree.body = _mark_statements(tree.body, in_loop=False)
    return tree


def _mark_statements(statements: list[ast.stmt], *, in_loop: bool) -> list[ast.stmt]:
    """Return the statements with marks. Values aren't searched: a test may have megabytes of them."""
    marked: list[ast.stmt] = []
    for statement in statements:
        if isinstance(statement, ast.Assert):
            if in_loop:
                marked.append(ast.copy_location(ast.Expr(_mark(statement)), statement))
            statement.test = _mark_elements(statement.test)
        elif isinstance(statement, (ast.For, ast.AsyncFor)):
            statement.body = _mark_statements(statement.body, in_loop=True)
        elif isinstance(statement, (ast.With, ast.AsyncWith)):
            statement.body = _mark_statements(statement.body, in_loop=in_loop)
        elif isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            statement.body = _mark_statements(statement.body, in_loop=False)
        marked.append(statement)
    return marked


def _mark_elements(test: ast.expr) -> ast.expr:
    """Return the expression with marks in comprehensions that are evaluated whenever it is true."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        test.values = [_mark_elements(value) for value in test.values]
    elif isinstance(test, ast.UnaryOp):
        test.operand = _mark_elements(test.operand)
    elif isinstance(test, ast.Call):
        test.args = [_mark_elements(argument) for argument in test.args]
    elif isinstance(test, ast.Compare):
        test.left = _mark_elements(test.left)
    elif isinstance(test, (ast.GeneratorExp, ast.ListComp, ast.SetComp)) and not any(
        generator.ifs for generator in test.generators
    ):
        element = _mark_elements(test.elt)
        test.elt = ast.copy_location(ast.BoolOp(ast.Or(), [_mark(test), element]), element)
    return test


def _mark(node: ast.Assert | ast.expr) -> ast.Call:
    """Return a call that reports the node's place; it returns None."""
    place = ast.copy_location(ast.Constant(f"{node.lineno}:{node.col_offset}"), node)
    name = ast.copy_location(ast.Name(REACHED, ast.Load()), node)
    return ast.copy_location(ast.Call(name, [place], []), node)
