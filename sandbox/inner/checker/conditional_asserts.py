"""Find the assertions of a test file that a value can leave out, and tell which never ran.

Without an answer of the task's own nothing says how often they are to run; one that never ran shows nothing.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from sandbox.inner.checker.line_trace import COMPREHENSIONS, LineTrace

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLOCKS = (ast.For, ast.AsyncFor, ast.While, ast.If, ast.Try)
_BUILTINS = frozenset(vars(builtins))


@dataclass(frozen=True)
class ConditionalAssertion:
    """An assertion in a loop, a `try` or a condition."""

    function: int
    """First line of the function around it; 0 outside of functions."""
    line: int
    base: int = 0
    """How often the line runs where nothing is asserted, as of a loop on the same line."""


class AssertionTrace:
    """Counts the conditional assertions of a test file that run."""

    def __init__(self, tree: ast.Module, *filenames: str) -> None:
        """Take the file's tree, and the names under which it may be compiled."""
        self._assertions = [*_Search(tree).in_statements(tree.body, 0, _names_of_module(tree), loop=None)]
        self.lines = LineTrace(filenames, frozenset(one.line for one in self._assertions))
        """The context."""
        self._before = self.lines.counts, self.lines.calls

    def begin_test(self) -> None:
        """Note the start of a test."""
        self._before = self.lines.counts.copy(), self.lines.calls.copy()

    def forget_test(self) -> None:
        """Forget the lines of the test, which was skipped or expected to fail."""
        self.lines.counts, self.lines.calls = self._before[0].copy(), self._before[1].copy()

    def never_ran(self) -> list[int]:
        """Return the lines of assertions that never ran though their function did."""
        counts = self.lines.counts
        if not self.lines.is_complete:
            return []
        runs = {one: self.lines.calls[one.function] if one.function else 1 for one in self._assertions}
        return [
            one.line for one in self._assertions if runs[one] and counts[one.line] <= one.base * runs[one]
        ]


class _Search:
    def __init__(self, tree: ast.Module) -> None:
        functions = [node for node in ast.walk(tree) if isinstance(node, _FUNCTIONS)]
        self._asserting = {
            node.name for node in functions if any(isinstance(one, ast.Assert) for one in ast.walk(node))
        }

    def in_statements(
        self, statements: Sequence[ast.stmt], function: int, known: frozenset[str], *, loop: int | None
    ) -> Iterator[ConditionalAssertion]:
        """Yield assertions below statements, but for those that the test itself leaves out.

        Those are in an `except` or `else`, in a block that is to raise, of a constant that is false, and
        under a condition on nothing but `known` names: imports, parameters, constants, as on the platform.

        Args:
            loop: line of the loop, `try` or condition around the statements; None: they all run.
        """
        for statement in statements:
            if isinstance(statement, ast.Assert) or self._asserts_by_call(statement):
                base = int(loop == statement.lineno) if loop is not None else _base_of(statement)
                if base is not None and not _is_false(statement):
                    yield ConditionalAssertion(function, statement.lineno, base)
                continue
            body: Sequence[ast.stmt] = getattr(statement, "body", [])
            if isinstance(statement, _FUNCTIONS):
                first = min(node.lineno for node in (statement, *statement.decorator_list))
                arguments = {node.arg for node in ast.walk(statement.args) if isinstance(node, ast.arg)}
                yield from self.in_statements(body, first, known | arguments, loop=None)
            elif not _is_left_out(statement, known):
                inner = statement.lineno if isinstance(statement, _BLOCKS) else loop
                yield from self.in_statements(body, function, known, loop=inner)

    def _asserts_by_call(self, statement: ast.stmt) -> bool:
        """Whether a statement only calls an assertion method, or a function of the file that asserts."""
        call = statement.value if isinstance(statement, ast.Expr) else None
        name = _called(call) if isinstance(call, ast.Call) else ""
        return name.startswith("assert") or name in self._asserting


def _is_left_out(statement: ast.stmt, known: frozenset[str]) -> bool:
    if isinstance(statement, ast.If):
        return _names(statement.test) <= known
    withs = (ast.With, ast.AsyncWith)
    return isinstance(statement, withs) and any(map(_expects_error, statement.items))


def _base_of(statement: ast.stmt) -> int | None:
    """Return how often the line of an assertion over one comprehension runs where that is empty.

    None if it has no comprehension, or one that may be empty: with a filter, or beside an `or`.
    """
    nodes = [*ast.walk(statement)]
    found = [node for node in nodes if isinstance(node, COMPREHENSIONS)]
    may_be_empty = any(isinstance(node, (ast.Or, ast.IfExp, ast.Lambda)) for node in nodes)
    if len(found) != 1 or may_be_empty or statement.end_lineno != statement.lineno:
        return None
    return None if any(one.ifs for one in found[0].generators) else _runs_where_empty()


@cache
def _runs_where_empty() -> int:
    """Return how often a line with an empty comprehension runs, which differs between versions of Python."""
    trace = LineTrace(("<empty>",), frozenset({1}))
    with trace:
        exec(compile("all(x for x in ())", "<empty>", "exec"), {})
    return trace.counts[1]


def _names_of_module(tree: ast.Module) -> frozenset[str]:
    """Return the names that hold no value of the code under test: builtins, imports and constants."""
    imported = {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    return _BUILTINS | imported | {name for name in _names(tree) if name.isupper()}


def _names(node: ast.AST) -> set[str]:
    return {one.id for one in ast.walk(node) if isinstance(one, ast.Name)}


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _expects_error(item: ast.withitem) -> bool:
    name = _called(item.context_expr) if isinstance(item.context_expr, ast.Call) else ""
    return name in ("raises", "suppress") or name.startswith("assertRaises")


def _is_false(statement: ast.stmt) -> bool:
    test = statement.test if isinstance(statement, ast.Assert) else None
    return isinstance(test, ast.Constant) and not test.value
