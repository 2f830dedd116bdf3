"""What single tests cost by estimate, and the nearest ones to a change that a budget allows.

Only what the tests of a room took is recorded (`tests/room_budgets.txt`). It is divided among them by weight.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeGuard

from tests.room_budgets import FILE, Budgets
from tests.room_costs import room_of

ROOT = Path(__file__).parents[1]
_SLOW = 10
"""Times as much as another test of its room, one that is marked slow takes."""
_ROWS = 4
"""Rows of a test whose parameters a name stands for."""


@dataclass(frozen=True, slots=True)
class Part:
    """Test function of a file."""

    name: str
    lines: tuple[int, int]
    weight: float


@cache
def source_of(file: str) -> str:
    """Return the text of a file of the repository; none if it doesn't exist."""
    path = ROOT / file
    return path.read_text() if path.exists() else ""


@cache
def parts_of(file: str) -> Sequence[Part]:
    """Return the test functions of a file."""
    tree = ast.parse(source_of(file))
    marks = [ast.unparse(part.value) for part in tree.body if _is_marks(part)]
    return [
        Part(part.name, _lines(part), _weight(part, marks)) for part in tree.body if is_test_function(part)
    ]


def is_test_function(part: ast.stmt) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Say whether pytest takes a statement of a module for a test."""
    return isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and part.name.startswith("test_")


def _is_marks(part: ast.stmt) -> TypeGuard[ast.Assign]:
    return isinstance(part, ast.Assign) and ast.unparse(part.targets[0]) == "pytestmark"


def _lines(part: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, int]:
    return min(one.lineno for one in (part, *part.decorator_list)), part.end_lineno or part.lineno


def _weight(part: ast.FunctionDef | ast.AsyncFunctionDef, marks: Iterable[str]) -> float:
    decorators = [ast.unparse(one) for one in part.decorator_list]
    weight = float(_SLOW if any("mark.slow" in mark for mark in (*marks, *decorators)) else 1)
    for one in part.decorator_list:
        if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("mark.parametrize"):
            rows = one.args[1] if len(one.args) > 1 else None
            weight *= len(rows.elts) if isinstance(rows, ast.List | ast.Tuple | ast.Set) else _ROWS
    return weight


class Costs:
    """Estimates of processor seconds, on the machine of the budgets."""

    def __init__(self, tests: Iterable[str], budgets: Budgets | None = None) -> None:
        """Divide the budgets of rooms among all tests."""
        self._rooms = (budgets or Budgets.load(FILE.read_text())).rooms
        self._weights: dict[str, float] = {}
        for file in tests:
            room = room_of(file)
            self._weights[room] = self._weights.get(room, 0.0) + sum(part.weight for part in parts_of(file))

    def seconds(self, file: str, part: Part) -> float:
        """Return what a test function takes."""
        room = room_of(file)
        return self._rooms.get(room, 0.0) * part.weight / max(self._weights.get(room, 0.0), part.weight)


def nearest(distances: Mapping[str, int], costs: Costs, budget_s: float) -> tuple[dict[str, float], float]:
    """Return the tests nearest to a change that the budget allows, with their seconds, and those of the rest.

    Of equally near ones the cheapest come first. A file whose tests are all taken stands for them.

    Args:
        distances: by file, or by single test of it, how far it is from the change.
    """
    single: dict[tuple[str, Part], int] = {}
    for test, distance in distances.items():
        file, _, name = test.partition("::")
        for part in parts_of(file):
            if part.name == (name or part.name):
                single[file, part] = min(distance, single.get((file, part), distance))
    left_s, left_out_s = budget_s, 0.0
    taken: dict[str, dict[str, float]] = {}
    for (file, part), _ in sorted(
        single.items(), key=lambda item: (item[1], costs.seconds(*item[0]), item[0][0], item[0][1].lines)
    ):
        seconds = costs.seconds(file, part)
        if seconds <= left_s:
            left_s -= seconds
            taken.setdefault(file, {})[part.name] = seconds
        else:
            left_out_s += seconds
    return {test: seconds for file in taken for test, seconds in _joined(file, taken[file])}, left_out_s


def _joined(file: str, taken: Mapping[str, float]) -> Iterator[tuple[str, float]]:
    if len(taken) == len({part.name for part in parts_of(file)}):
        yield file, sum(taken.values())
    else:
        yield from ((f"{file}::{name}", seconds) for name, seconds in taken.items())
