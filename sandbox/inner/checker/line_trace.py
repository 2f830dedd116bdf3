"""Count how often the lines that decide a test run: an assertion that is never reached asserts nothing."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from inspect import CO_GENERATOR
from types import FrameType
from typing import Any

_MOST_EVENTS = 300_000
"""Lines counted in one test; running each costs a third of a microsecond more."""
_MOST_SEARCHED = 32
"""Items of a display that is searched: a test may have megabytes of values."""
LOOPS = (ast.For, ast.AsyncFor, ast.While)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_WITHS = (ast.With, ast.AsyncWith)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


class LineTrace:
    """A context in which the lines of one source are counted in this thread."""

    def __init__(self, filenames: Collection[str], lines: frozenset[int]) -> None:
        """Take the names under which the source may be compiled, and the lines to count; without any it does
        nothing."""
        self.counts = dict.fromkeys(lines, 0)
        """How often each line ran."""
        self.items = Counter[int]()
        """How many items comprehensions on each line had."""
        self.calls = Counter[int]()
        """How often each function was called, by its first line, a decorator's if it has one."""
        self._filenames, self._left = filenames, _MOST_EVENTS
        self._outer: Any = None

    def __enter__(self) -> None:
        if self.counts:
            self._outer = sys.gettrace()
            sys.settrace(self._called)

    def __exit__(self, *error: object) -> None:
        if self.counts:
            self._left *= sys.gettrace() in (self._called, None)  # the test may trace, too
            sys.settrace(self._outer)

    @property
    def is_complete(self) -> bool:
        """Whether all lines that ran were counted."""
        return self._left > 0

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code.co_filename not in self._filenames or self._left <= 0:
            return None
        if code.co_name.startswith("<") and code.co_name != "<module>":
            return self._gave_item if code.co_flags & CO_GENERATOR else self._entered
        self.calls[code.co_firstlineno] += 1
        return self._went_on

    def _gave_item(self, frame: FrameType, event: str, argument: object) -> Any:
        """Count the items that a generator expression yields, which its end isn't."""
        if event == "return" and argument is not None:
            self._left -= 1
            self.items[frame.f_lineno] += 1
        return self._gave_item if self._left > 0 else None

    def _entered(self, frame: FrameType, event: str, argument: object) -> Any:
        """Leave out the first line of a comprehension, which runs without an item, too."""
        return self._took_item if event == "line" else self._entered

    def _took_item(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self._left -= 1
            self.items[frame.f_lineno] += 1
        return self._took_item if self._left > 0 else None

    def _went_on(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self._left -= 1
            if frame.f_lineno in self.counts:
                self.counts[frame.f_lineno] += 1
        return self._went_on if self._left > 0 else None


def find_deciding_lines(tree: ast.Module) -> frozenset[int]:
    """Return the lines of a test's assertions and comprehensions; none if each runs whenever the test ends.

    An `if` that raises is an assertion, and a statement that only calls something may be one; in functions
    other than `check` and `test…` both they and comprehensions count if the function asserts. Assertions on
    both sides of an `else` don't: the test has several ways.
    """
    found = [*_deciding_nodes(tree, 0, counts=True)]
    is_conditional = any(depth > 1 or isinstance(node, _COMPREHENSIONS) for node, depth in found)
    lines = (
        range(
            node.lineno,
            1 + (node.end_lineno or node.lineno if isinstance(node, _COMPREHENSIONS) else node.lineno),
        )
        for node, _ in found
    )
    return frozenset(line for some in lines for line in some) if is_conditional else frozenset()


def _deciding_nodes(node: ast.AST, depth: int, *, counts: bool) -> Iterator[tuple[ast.stmt | ast.expr, int]]:
    """Yield assertions and comprehensions below a node, each with the number of blocks around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _DISPLAYS) and len(list(ast.iter_child_nodes(child))) > _MOST_SEARCHED:
            continue
        if isinstance(child, ast.If) and child.orelse and _asserts(child.body) and _asserts(child.orelse):
            continue
        if counts and _is_deciding(child):
            assert isinstance(child, ast.stmt | ast.expr)
            yield child, depth
        is_block = isinstance(child, ast.stmt) and hasattr(child, "body") and not isinstance(child, _WITHS)
        is_test = isinstance(child, ast.FunctionDef) and child.name == "check" and depth == 0
        inner = counts
        if isinstance(child, (*FUNCTIONS, ast.Lambda)) and not is_test:
            is_named = getattr(child, "name", "").startswith("test")
            inner = is_named or any(isinstance(one, (ast.Assert, ast.Raise)) for one in ast.walk(child))
        more = 1 if is_test else 2 if is_block else 0
        yield from _deciding_nodes(child, depth + more, counts=inner)


def _is_deciding(node: ast.AST) -> bool:
    raises = isinstance(node, ast.If) and any(isinstance(one, ast.Raise) for one in node.body)
    calls = isinstance(node, ast.Expr) and isinstance(node.value, (ast.Call, ast.Await))
    return raises or calls or isinstance(node, (ast.Assert, *_COMPREHENSIONS))


def _asserts(statements: list[ast.stmt]) -> bool:
    return any(isinstance(one, ast.Assert) for statement in statements for one in ast.walk(statement))
