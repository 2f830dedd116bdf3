"""Find the functions of a test file that ran without one of their assertions, as a loop had nothing to do.

Without an answer of the task's own nothing says how often an assertion is to run. A function in which another
one ran shows something, and a loop may well be empty in it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sandbox.inner.checker.line_trace import FUNCTIONS, LOOPS, LineTrace

_WITHS = (ast.With, ast.AsyncWith)
_FOR_ALL = ("all", "any")


@dataclass(frozen=True)
class LoopAssertion:
    """An assertion that a loop makes, of a function in which loops make all of them."""

    function: int
    """First line of the function around it; 0 outside of functions."""
    line: int
    by: str
    """What shows that it ran: `line`, `item` of a comprehension, or `round` of a loop on its line."""


class AssertionTrace:
    """Counts the assertions of a test file that run."""

    def __init__(self, tree: ast.Module, *filenames: str) -> None:
        """Take the file's tree, and the names under which it may be compiled."""
        self._assertions = [*_Search(tree).in_body(tree.body, 0)]
        self.lines = LineTrace(filenames, frozenset(one.line for one in self._assertions))
        """The context."""
        self._before = self._counts()

    def begin_test(self) -> None:
        """Note the start of a test."""
        self._before = self._counts()

    def forget_test(self) -> None:
        """Forget the lines of the test, which was skipped or expected to fail."""
        counts, items, calls = self._before
        self.lines.counts, self.lines.items, self.lines.calls = counts.copy(), items.copy(), calls.copy()

    def never_ran(self) -> list[int]:
        """Return a line for each function that ran without any of its assertions."""
        if not self.lines.is_complete:
            return []
        by_function: dict[int, list[LoopAssertion]] = {}
        for one in self._assertions:
            by_function.setdefault(one.function, []).append(one)
        return [
            some[0].line
            for function, some in by_function.items()
            if (not function or self.lines.calls[function]) and not any(map(self._ran, some))
        ]

    def _ran(self, one: LoopAssertion) -> bool:
        if one.by == "item":
            return self.lines.items[one.line] > 0
        runs = (
            self.lines.calls[one.function] if one.function and one.by == "round" else int(one.by == "round")
        )
        return self.lines.counts[one.line] > runs

    def _counts(self) -> tuple[dict[int, int], Counter[int], Counter[int]]:
        return self.lines.counts.copy(), self.lines.items.copy(), self.lines.calls.copy()


class _Search:
    def __init__(self, tree: ast.Module) -> None:
        functions = [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]
        self._asserting = {
            node.name for node in functions if any(isinstance(one, ast.Assert) for one in ast.walk(node))
        }
        self._counts_failures = any(map(_exits_by_count, ast.walk(tree)))
        """Whether a program counts in its conditions, and ends with what it has counted."""

    def in_body(self, statements: Sequence[ast.stmt], function: int) -> Iterator[LoopAssertion]:
        """Yield the assertions of a function, or of the module, if loops make all of them; then of those
        inside."""
        own = [*self._own(statements, function, loop=None)]
        if None not in own:
            yield from (one for one in own if one is not None)
        for statement in statements:
            for node in ast.walk(statement) if not isinstance(statement, FUNCTIONS) else (statement,):
                if isinstance(node, FUNCTIONS):
                    first = min(part.lineno for part in (node, *node.decorator_list))
                    yield from self.in_body(node.body, first)

    def _own(
        self, statements: Sequence[ast.stmt], function: int, *, loop: int | None
    ) -> Iterator[LoopAssertion | None]:
        """Yield each assertion of a function; None for one that no loop makes, or that is in a condition."""
        for statement in statements:
            if isinstance(statement, ast.Assert) or self._asserts_by_call(statement):
                if loop is not None:
                    yield LoopAssertion(
                        function, statement.lineno, "round" if loop == statement.lineno else "line"
                    )
                else:
                    yield (
                        LoopAssertion(function, statement.lineno, "item") if _is_for_all(statement) else None
                    )
            elif self._counts_failures and loop is not None and _is_counted(statement):
                yield LoopAssertion(
                    function, statement.lineno, "round" if loop == statement.lineno else "line"
                )
            elif self._counts_failures and loop is None and _counts_items(statement):
                yield LoopAssertion(function, statement.lineno, "item")
            elif isinstance(statement, LOOPS):
                yield from self._own(statement.body, function, loop=statement.lineno)
            elif isinstance(statement, _WITHS) and not any(map(_expects_error, statement.items)):
                yield from self._own(statement.body, function, loop=loop)
            elif not isinstance(statement, (*FUNCTIONS, ast.ClassDef)) and hasattr(statement, "body"):
                yield None  # the test itself decides whether it asserts

    def _asserts_by_call(self, statement: ast.stmt) -> bool:
        """Whether a statement only calls an assertion method, or a function of the file that asserts."""
        call = statement.value if isinstance(statement, ast.Expr) else None
        name = _called(call) if isinstance(call, ast.Call) else ""
        return name.startswith("assert") or name in self._asserting


def _exits_by_count(node: ast.AST) -> bool:
    """Whether a node ends the program with a status that is computed: `sys.exit(bad)`."""
    is_exit = isinstance(node, ast.Call) and _called(node) in ("exit", "SystemExit")
    return is_exit and any(not isinstance(one, ast.Constant) for one in node.args)  # type: ignore[attr-defined]


def _is_counted(statement: ast.stmt) -> bool:
    """Whether a statement of a loop decides on what is counted: a condition, or a sum of comparisons."""
    compares = isinstance(statement, ast.AugAssign) and isinstance(statement.value, ast.Compare)
    return compares or isinstance(statement, ast.If)


def _counts_items(statement: ast.stmt) -> bool:
    """Whether a statement on one line counts by a comprehension: `bad = sum(f(a) != b for …)`."""
    inside = [one for one in ast.walk(statement) if isinstance(one, (ast.GeneratorExp, ast.ListComp))]
    is_simple = isinstance(statement, (ast.Assign, ast.Expr, ast.Raise)) and len(inside) == 1
    return is_simple and statement.lineno == statement.end_lineno and isinstance(inside[0].elt, ast.Compare)


def _is_for_all(statement: ast.stmt) -> bool:
    """Whether an assertion holds if a comprehension without a filter is empty: `all(…)`, `not any(…)`."""
    test = statement.test if isinstance(statement, ast.Assert) else None
    test = test.operand if isinstance(test, ast.UnaryOp) else test
    if not (isinstance(test, ast.Call) and isinstance(test.func, ast.Name) and test.func.id in _FOR_ALL):
        return False
    (argument,) = test.args if len(test.args) == 1 else (None,)
    is_plain = isinstance(argument, (ast.GeneratorExp, ast.ListComp)) and not argument.generators[0].ifs
    return is_plain and statement.lineno == statement.end_lineno


def _called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _expects_error(item: ast.withitem) -> bool:
    name = _called(item.context_expr) if isinstance(item.context_expr, ast.Call) else ""
    return name in ("raises", "suppress") or name.startswith("assertRaises")
