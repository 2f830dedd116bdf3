"""Count how often the lines that decide a test run: an assertion that is never reached asserts nothing."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from types import FrameType
from typing import Any

_MOST_EVENTS = 300_000
"""Lines counted in one test; running each costs a third of a microsecond more."""
_MOST_ITEMS = 32
"""Items of a display that is searched: a test may have megabytes of values."""
_LOOPS = (ast.For, ast.AsyncFor, ast.While)
_WITHS = (ast.With, ast.AsyncWith)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_DISPLAYS = (ast.List, ast.Tuple, ast.Set, ast.Dict)


class LineTrace:
    """A context in which the lines of one source are counted in this thread."""

    def __init__(self, filenames: Collection[str], lines: frozenset[int]) -> None:
        """Take the names under which the source may be compiled, and the lines to count; without any it does
        nothing."""
        self.counts = dict.fromkeys(lines, 0)
        """How often each line ran; a comprehension on one line, once for each of its items, too."""
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
            sys.settrace(self._outer)

    @property
    def is_complete(self) -> bool:
        """Whether all lines that ran were counted."""
        return self._left > 0

    def _called(self, frame: FrameType, event: str, argument: object) -> Any:
        code = frame.f_code
        if code.co_filename not in self._filenames or self._left <= 0:
            return None
        if not code.co_name.startswith("<"):  # a comprehension, a lambda or the module
            self.calls[code.co_firstlineno] += 1
        return self._went_on

    def _went_on(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self._left -= 1
            if frame.f_lineno in self.counts:
                self.counts[frame.f_lineno] += 1
        return self._went_on if self._left > 0 else None


def find_deciding_lines(tree: ast.Module) -> frozenset[int]:
    """Return the lines of a test's assertions and loops; none if each assertion runs whenever the test ends.

    An `if` that raises is an assertion, and a statement that only calls something may be one; in a function
    other than `check` it counts if the function asserts itself.
    """
    lines: set[int] = set()
    is_conditional = False
    for node, depth in _deciding_nodes(tree, 0, calls_count=True):
        is_conditional = is_conditional or depth > 1 or isinstance(node, (*_LOOPS, *COMPREHENSIONS))
        last = node.end_lineno or node.lineno if isinstance(node, COMPREHENSIONS) else node.lineno
        lines.update(range(node.lineno, last + 1))
    return frozenset(lines) if is_conditional else frozenset()


def _deciding_nodes(
    node: ast.AST, depth: int, *, calls_count: bool
) -> Iterator[tuple[ast.stmt | ast.expr, int]]:
    """Yield assertions, loops and comprehensions below a node, each with the number of blocks around it."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _DISPLAYS) and len(list(ast.iter_child_nodes(child))) > _MOST_ITEMS:
            continue
        raises = isinstance(child, ast.If) and any(isinstance(one, ast.Raise) for one in child.body)
        calls = calls_count and isinstance(child, ast.Expr) and isinstance(child.value, (ast.Call, ast.Await))
        if raises or calls or isinstance(child, (ast.Assert, *_LOOPS, *COMPREHENSIONS)):
            assert isinstance(child, ast.stmt | ast.expr)
            yield child, depth
        is_block = isinstance(child, ast.stmt) and hasattr(child, "body") and not isinstance(child, _WITHS)
        is_test = isinstance(child, ast.FunctionDef) and child.name == "check" and depth == 0
        may_call = calls_count
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)) and not is_test:
            may_call = any(isinstance(one, (ast.Assert, ast.Raise)) for one in ast.walk(child))
        more = 1 if is_test else 2 if is_block else 0
        yield from _deciding_nodes(child, depth + more, calls_count=may_call)
