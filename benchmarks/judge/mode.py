"""Judging modes: fixed by the canonical answer before any other is seen, and cached between runs."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from benchmarks.judge.decoys import called
from benchmarks.judge.digest import judge_digest
from benchmarks.suite import FunctionCase
from benchmarks.verdict import Strength
from benchmarks.written import write_text
from coder.source.python_names import defined_names, parse_source
from sandbox.result import Value
from sandbox.verdicts.run_report import Crossing

CARRIERS = frozenset({"generator", "coroutine", "function", "record"})
"""Kinds of references that carry plain data only; their results are checked again."""


class Mode(Value):
    """How a function is judged.

    isolated: tests and candidate in separate sandboxes; only agreed plain data crosses.
    by_reference: separate sandboxes, but the candidate's objects cross and are trusted.
    shared_process: one process. broken: the canonical answer itself fails.
    """

    how: Literal["isolated", "by_reference", "shared_process", "broken"]
    crossing: Crossing = Crossing()
    stateful: bool = False
    """Answers may depend on earlier calls, as the case states or its canonical answer shows."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the canonical answer sets off in the tests' process; ignored for answers."""
    cpu_s: float = 0.0
    """CPU seconds of the canonical answer and its tests; 0 if there is none."""
    reason: str = ""

    @property
    def strength(self) -> Strength:
        """Strength of the verdicts."""
        return "strong" if self.how == "isolated" else "weaker"


def without_canonical(case: FunctionCase) -> Mode:
    """Mode for a case without a canonical answer: plain data only; weaker if the tests may use objects."""
    named: set[str] = set()
    for source in (case.test, case.plus_test or ""):
        named |= _exceptions_in(source)
    crossing = Crossing(kinds=CARRIERS, errors=frozenset(named), uses=_ITERATING)
    mode = Mode(how="isolated", crossing=crossing, stateful=case.stateful)
    if not any(map(_may_give_objects, (prelude(case), case.test, case.plus_test or ""))):
        return mode
    reason = "without an answer of its own, nothing says what may be done with its tests' objects"
    open_crossing = crossing.model_copy(update={"uses": None})
    return mode.model_copy(update={"how": "by_reference", "crossing": open_crossing, "reason": reason})


_ITERATING = frozenset({"* iterator step", "* iterator drain"})
"""Uses of iterators that came with any argument."""
_WITHOUT_OBJECTS = frozenset(
    (
        *("__future__", "abc", "bisect", "cmath", "collections", "copy", "datetime", "decimal", "fractions"),
        *("functools", "heapq", "io", "itertools", "json", "math", "operator", "pytest", "random", "re"),
        *("statistics", "string", "time", "typing"),
    )
)
"""Modules that a test imports to make or compare plain data."""


def _may_give_objects(source: str) -> bool:
    """Whether a test may receive objects with attributes; if not, answers can't return any."""
    nodes = _nodes(source)
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    has_class = any(isinstance(node, ast.ClassDef) for node in nodes)
    return has_class or not {name.partition(".")[0] for name in named} <= _WITHOUT_OBJECTS


def _exceptions_in(source: str) -> set[str]:
    """Exceptions that a test catches (`except`) or expects (calls such as `raises`)."""
    found: set[str] = set()
    for node in _nodes(source):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            found |= _names_in(node.type)
        elif isinstance(node, ast.Call) and called(node) in ("raises", "assertRaises", "assertRaisesRegex"):
            found |= _names_in(node.args[0]) if node.args else set()
    return found - {"Exception", "BaseException", "AssertionError"}


def _nodes(source: str) -> list[ast.AST]:
    tree = parse_source(source)
    return [] if tree is None else list(ast.walk(tree))


def _names_in(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def canonical_module(case: FunctionCase) -> str | None:
    """The canonical answer as a whole module; None if there is none."""
    if case.canonical_solution is None:
        return None
    if case.entry_point in defined_names(case.canonical_solution):
        return with_setup(case, case.canonical_solution)
    return with_setup(case, case.prompt + case.canonical_solution)


def with_setup(case: FunctionCase, module: str) -> str:
    """A module behind the imports and helpers that the case gives to both sides."""
    return f"{case.setup.rstrip()}\n\n\n{module}" if case.setup.strip() else module


def prelude(case: FunctionCase) -> str:
    """What a test may use of the prompt: every definition but the requested function."""
    helpers = _helpers(case.prompt, case.entry_point)
    return "\n\n".join(part for part in (case.setup, helpers) if part.strip())


@functools.lru_cache(maxsize=4096)
def _helpers(prompt: str, entry_point: str) -> str:
    for ending in ("\n    pass\n", "\n"):
        if (tree := parse_source(prompt + ending)) is not None:
            tree.body = [node for node in tree.body if getattr(node, "name", None) != entry_point]
            return ast.unparse(tree)
    return ""  # prose defines nothing


Twins = dict[str, dict[int, tuple[str, ...]]]
"""Test → variant → parameters (ends of node ids) with which it fails; empty for an unparametrized test."""


Tool = Literal["plain", "rewriting", "plugins"]
"""How pytest runs tests: as they are; with its rewritten assertions, whose messages have the values; with the
plugins installed beside it, too."""
GUESS = 1e-3
"""Highest accepted probability that guessing tests among twins passes."""


class RepositoryMode(Value):
    """How a repository is judged.

    isolated: pytest and tests in one sandbox, the package in another.
    decoyed: one process, among twins that must fail; tests that can be isolated must pass isolated too.
    plain: one process. broken: the case's own patch fails, or the base passes.
    """

    how: Literal["isolated", "decoyed", "plain", "broken"]
    nodes: tuple[str, ...] = ()
    """Node ids that must pass."""
    whole: tuple[str, ...] = ()
    """Files whose tests must all pass, where no node ids are known."""
    needed: tuple[str, ...] = ()
    """Nodes that the base fails: only a correct patch, or a cheat, passes them."""
    rounds: int = 1
    """Judgements with fresh twins until a blind guess is below `GUESS`."""
    apart: tuple[str, ...] = ()
    """Nodes that must also pass isolated, where not all can be isolated."""
    uses: frozenset[str] | None = None
    """Uses of the tests' objects by the case's own patch when isolated; answers may do no more."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """By file: how long its tests take with the case's own patch."""
    tool: Tool = "plain"
    """What the case needs of pytest."""
    twins: dict[str, Twins] = Field(default_factory=dict)
    """By file: twins that fail with the case's own patch."""
    helpers: tuple[str, ...] = ()
    """Modules of the repository that only its tests use: they run beside isolated tests, from the case."""
    twins_apart: dict[str, Twins] = Field(default_factory=dict)
    """By file: twins of isolated tests in which the candidate's code may decide, with the nodes that fail."""
    seen: dict[str, dict[str, dict[int, str]]] = Field(default_factory=dict)
    """By file, test and variant: results of the case's own patch for other inputs (`consistent_twins.py`)."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the case's own patch sets off; ignored for answers."""
    reason: str = ""

    @property
    def strength(self) -> Strength:
        """Strength of the verdicts."""
        return "strong" if self.how == "isolated" else "decoyed" if self.how == "decoyed" else "weak"

    @property
    def files(self) -> list[str]:
        """Test files, in order."""
        return files_of(self.nodes) or list(self.whole)

    def needed_names(self, path: str) -> frozenset[str]:
        """Qualified names of one file's tests that must pass."""
        return frozenset(name_of(node) for node in self.needed if node.partition("::")[0] == path)

    def computing_lines(self, path: str) -> set[int]:
        """Lines of a file at which an operator of the case's own patch computes with the test's data."""
        places = (use.split()[1].rpartition(":") for use in self.uses or () if use.startswith("compute "))
        return {int(number) for file, _, number in places if file == path}

    def nodes_of(self, path: str) -> set[str]:
        """Node ids of one file."""
        return {node for node in self.nodes if node.partition("::")[0] == path}


def name_of(node: str) -> str:
    """Qualified name of a node's test, such as `TestF::test_g`."""
    return node.partition("::")[2].partition("[")[0]


def files_of(nodes: Iterable[str]) -> list[str]:
    """The files of nodes, in order."""
    return sorted({node.partition("::")[0] for node in nodes})


_MODES = TypeAdapter(dict[str, Mode | RepositoryMode])


class KnownModes:
    """Cached modes of one suite by case, in a file; an unreadable file counts as empty."""

    def __init__(self, folder: Path, *about: str) -> None:
        """`about` is what a mode depends on besides the judge: the suite's digest, interpreter, backend."""
        key = hashlib.sha256("\n".join((judge_digest(), *about)).encode()).hexdigest()
        self._path, self._has_new = folder / f"{key[:32]}.json", False
        try:
            self._found = _MODES.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            self._found = {}

    def get(self, case: str) -> Mode | RepositoryMode | None:
        """The cached mode of a case."""
        return self._found.get(case)

    def put(self, case: str, mode: Mode | RepositoryMode) -> None:
        """Cache a mode; a case that can't be judged isn't cached."""
        if mode.how != "broken" and case not in self._found:
            self._found[case], self._has_new = mode, True

    def save(self) -> None:
        """Write new entries."""
        if self._has_new:
            write_text(self._path, _MODES.dump_json(self._found).decode())
            self._has_new = False
