"""Rewrite assertions to show both sides on failure, each evaluated once; run examples by doctest's rules."""

from __future__ import annotations

import ast
import contextlib
import io
import re
import sys
import traceback
from typing import Any

from sandbox.inner.bridge.proxies import is_proxy
from sandbox.inner.bridge.show_values import MAX_SHOWN, show

FAIL = "@fail"
"""Name of `fail` in rewritten code; it is no identifier, so no source can contain it."""
_SIGNS = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Is: "is",
    ast.IsNot: "is not",
    ast.In: "in",
    ast.NotIn: "not in",
}
_TRACEBACK = re.compile(r"\s*Traceback \((most recent call last|innermost last)\):\s*$", re.MULTILINE)


class Failed(AssertionError):
    """A false assertion, with expected and actual value as text."""

    def __init__(self, message: str, expected: str | None, actual: str | None) -> None:
        super().__init__(message)
        self.expected = expected
        self.actual = actual


def rewrite(source: str, filename: str) -> ast.Module:
    """Parse `source`, with assert statements rewritten to call FAIL. Raises SyntaxError."""
    tree = ast.parse(source, filename)
    _Rewriter(source).visit(tree)
    return ast.fix_missing_locations(tree)


def fail(sign: str, left: object, right: object, source: str, swapped: bool, *message: object) -> Failed:
    """Make the error for a false `left sign right` or, with an empty sign, for a false `left`."""
    lines = [str(text) for text in message] + [source]
    if not sign:
        return Failed("\n".join(lines), "a true value", show(left))
    if swapped:
        left, right = right, left
    if sign in ("==", "!=") and is_proxy(left) != is_proxy(right):
        lines.append(explain_inequality(left if is_proxy(left) else right))
    expected = show(right) if sign == "==" else f"{sign} {show(right)}"
    return Failed("\n".join(lines), expected, show(left))


def explain_inequality(proxy: object) -> str:
    """Explain why an object of the candidate doesn't equal the other side."""
    return f"an object of the candidate's {type(proxy).__name__} is equal to nothing of the test's own"


class _Rewriter(ast.NodeTransformer):
    def __init__(self, source: str) -> None:
        self._source = source

    def visit_Assert(self, node: ast.Assert) -> list[ast.stmt]:
        return [ast.copy_location(statement, node) for statement in self._rewrite_test(node.test, node)]

    def _rewrite_test(self, test: ast.expr, node: ast.Assert) -> list[ast.stmt]:
        if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
            return [statement for part in test.values for statement in self._rewrite_test(part, node)]
        if isinstance(test, ast.Compare) and len(test.ops) == 1:
            left, right = _name("@left"), _name("@right")
            comparison = ast.Compare(left=left, ops=test.ops, comparators=[right])
            swapped = _is_literal(test.left) and not _is_literal(test.comparators[0])
            return [
                _assign("@left", test.left),
                _assign("@right", test.comparators[0]),
                self._raise_unless(comparison, (_SIGNS[type(test.ops[0])], left, right), swapped, node),
            ]
        value = _name("@left")
        return [_assign("@left", test), self._raise_unless(value, ("", value, value), False, node)]

    def _raise_unless(
        self, test: ast.expr, sides: tuple[str, ast.expr, ast.expr], swapped: bool, node: ast.Assert
    ) -> ast.stmt:
        text = " ".join((ast.get_source_segment(self._source, node) or "assert").split())
        sign, left, right = sides
        constants = (ast.Constant(value) for value in (text[:MAX_SHOWN], swapped))
        arguments = [ast.Constant(sign), left, right, *constants, *([node.msg] if node.msg else [])]
        error = ast.Call(func=_name(FAIL), args=arguments, keywords=[])
        return ast.If(test=ast.UnaryOp(ast.Not(), test), body=[ast.Raise(exc=error, cause=None)], orelse=[])


def _name(name: str) -> ast.Name:
    return ast.Name(id=name, ctx=ast.Load())


def _assign(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign(targets=[ast.Name(id=name, ctx=ast.Store())], value=value)


def _is_literal(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


def run_example(source: str, want: str, space: dict[str, Any]) -> None:
    """Run one example in `space`. Raises Failed for other output, or the example's unexpected exception."""
    code = compile(ast.Interactive(body=ast.parse(source).body), "<example>", "single")
    printed = io.StringIO()
    hook = sys.displayhook
    sys.displayhook = _display
    try:
        with contextlib.redirect_stdout(printed):
            exec(code, space)
    except Exception as error:
        expected = _expected_exception(want)
        if expected is None:
            raise
        got = traceback.format_exception_only(type(error), error)[-1]
        bare = f"{type(error).__name__}{got[got.index(':') :] if ':' in got else ''}"
        if not (_matches(expected, got) or _matches(expected, bare)):
            raise Failed(f">>> {source.strip()}", expected.strip(), got.strip()) from error
        return
    finally:
        sys.displayhook = hook
    got = printed.getvalue()
    if not _matches(want, got):
        raise Failed(
            f">>> {source.strip()}", want.strip() or "nothing printed", got.strip() or "nothing printed"
        )


def _display(value: object) -> None:
    if value is not None:
        print(repr(value))


def _expected_exception(want: str) -> str | None:
    if not _TRACEBACK.match(want):
        return None
    lines = [line for line in want.splitlines() if line and not line[0].isspace()]
    return lines[-1] if len(lines) > 1 else ""


def _matches(want: str, got: str) -> bool:
    """Whether output matches: white space is normalized, `...` stands for anything."""
    import doctest  # slow to import, and few checks are examples

    rules = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.DONT_ACCEPT_TRUE_FOR_1
    return doctest.OutputChecker().check_output(want, got, rules)
