"""How a function case is judged: fixed from the case and its canonical answer, before any candidate runs."""

import ast
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.suite import FunctionCase
from benchmarks.verdict import Strength
from sandbox.checks.trial import Crossing

CARRIERS = frozenset({"generator", "coroutine", "function", "record"})
"""Kinds of references that only carry plain data across: what comes through them is looked at again."""


class Mode(BaseModel):
    """Of one case.

    apart: tests and candidate in a sandbox each, by agreement on what crosses.
    trusting: apart too, but objects of the candidate cross, whose word is taken for what they are.
    together: in one process.
    broken: the canonical answer itself fails.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["isolated", "by_reference", "shared_process", "broken"]
    crossing: Crossing = Crossing()
    stateful: bool = False
    """Answers may depend on earlier calls: the case says so, or its canonical answer's do."""
    tripped: frozenset[str] = frozenset()
    """Alarms that its canonical answer sets off in its tests' process: they don't count."""
    reason: str = ""
    """Why it isn't `apart`."""

    @property
    def strength(self) -> Strength:
        """How strong verdicts are that come of it."""
        return "strong" if self.how == "isolated" else "weaker"


def without_canonical(case: FunctionCase) -> Mode:
    """Plain data only, and those exceptions that the tests name."""
    named: set[str] = set()
    for source in (case.test, case.plus_test or ""):
        named |= _exceptions_in(source)
    crossing = Crossing(kinds=CARRIERS, errors=frozenset(named))
    return Mode(how="isolated", crossing=crossing, stateful=case.stateful)


def _exceptions_in(source: str) -> set[str]:
    """Names of exceptions that a test catches or expects: of `except`, and of calls such as `raises`."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return set()
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            found |= _names_in(node.type)
        elif isinstance(node, ast.Call) and _called(node) in ("raises", "assertRaises", "assertRaisesRegex"):
            found |= _names_in(node.args[0]) if node.args else set()
    return found - {"Exception", "BaseException", "AssertionError"}


def _called(node: ast.Call) -> str:
    function = node.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _names_in(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
