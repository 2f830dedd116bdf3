"""How a function case is judged: fixed from the case and its canonical answer, and kept between runs."""

import ast
import hashlib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from benchmarks.judge.check_sources import prelude
from benchmarks.judge.digest import judge_digest
from benchmarks.judge.repository_mode import RepositoryMode
from benchmarks.suite import FunctionCase
from benchmarks.verdict import Strength
from benchmarks.written import write_text
from sandbox.checks.crossing import Crossing

CARRIERS = frozenset({"generator", "coroutine", "function", "record"})
"""Kinds of references that only carry plain data across: what comes through them is looked at again."""


class Mode(BaseModel):
    """Of one case.

    isolated: tests and candidate in a sandbox each, by agreement on what crosses.
    by_reference: a sandbox each, but objects of the candidate cross, whose word is taken for what they are.
    shared_process: in one process.
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
    """Why it isn't `isolated`."""

    @property
    def strength(self) -> Strength:
        """How strong verdicts are that come of it."""
        return "strong" if self.how == "isolated" else "weaker"


def without_canonical(case: FunctionCase) -> Mode:
    """Plain data only, and those exceptions that the tests name.

    Nothing says what an answer has to do with objects of the tests: those that may have some are weaker.
    """
    named: set[str] = set()
    for source in (case.test, case.plus_test or ""):
        named |= _exceptions_in(source)
    crossing = Crossing(kinds=CARRIERS, errors=frozenset(named), uses=frozenset())
    mode = Mode(how="isolated", crossing=crossing, stateful=case.stateful)
    if not any(map(_may_give_objects, (prelude(case), case.test, case.plus_test or ""))):
        return mode
    reason = "without an answer of its own, nothing says what may be done with its tests' objects"
    open_crossing = crossing.model_copy(update={"uses": None})
    return mode.model_copy(update={"how": "by_reference", "crossing": open_crossing, "reason": reason})


_WITHOUT_OBJECTS = frozenset(
    (
        *("__future__", "abc", "bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions"),
        *("functools", "heapq", "io", "itertools", "json", "math", "operator", "pytest", "random", "re"),
        *("statistics", "string", "time", "typing"),
    )
)
"""Modules that a test imports to make or to compare plain data."""


def _may_give_objects(source: str) -> bool:
    """Whether a test may have objects with attributes. Where it says no, none are shown to an answer."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError, RecursionError):
        return False
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    has_class = any(isinstance(node, ast.ClassDef) for node in nodes)
    return has_class or not {name.partition(".")[0] for name in named} <= _WITHOUT_OBJECTS


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


_MODES = TypeAdapter(dict[str, Mode | RepositoryMode])


class KnownModes:
    """Modes of one suite by case, in a file; where that can't be read, they are found anew."""

    def __init__(self, folder: Path, *about: str) -> None:
        """`about` is what a mode depends on besides the judge: the suite's digest, interpreter, backend."""
        key = hashlib.sha256("\n".join((judge_digest(), *about)).encode()).hexdigest()
        self._path, self._has_new = folder / f"{key[:32]}.json", False
        try:
            self._found = _MODES.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            self._found = {}

    def get(self, case: str) -> Mode | RepositoryMode | None:
        """What is known of a case."""
        return self._found.get(case)

    def put(self, case: str, mode: Mode | RepositoryMode) -> None:
        """Know one more; a case that can't be judged is looked at again next time."""
        if mode.how != "broken" and case not in self._found:
            self._found[case], self._has_new = mode, True

    def save(self) -> None:
        """Write what is new."""
        if self._has_new:
            write_text(self._path, _MODES.dump_json(self._found).decode())
            self._has_new = False
