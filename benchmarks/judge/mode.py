"""How a case is judged: fixed by its own answer before any other is seen, and kept between runs."""

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
from benchmarks.verdict import Strength, Value
from benchmarks.written import write_text
from coder.source.python_names import defined_names, parse_source
from sandbox.checks.crossing import Crossing

CARRIERS = frozenset({"generator", "coroutine", "function", "record"})
"""Kinds of references that only carry plain data across: what comes through them is looked at again."""


class Mode(Value):
    """How a function is judged.

    isolated: tests and candidate in a sandbox each, by agreement on what crosses.
    by_reference: a sandbox each, but objects of the candidate cross, and are believed.
    shared_process: in one process.
    broken: the canonical answer itself fails.
    """

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
    """Plain data only, and exceptions that the tests name; weaker if the tests may have objects."""
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
    nodes = _nodes(source)
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    has_class = any(isinstance(node, ast.ClassDef) for node in nodes)
    return has_class or not {name.partition(".")[0] for name in named} <= _WITHOUT_OBJECTS


def _exceptions_in(source: str) -> set[str]:
    """Names of exceptions that a test catches or expects: of `except`, and of calls such as `raises`."""
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
    """The case's own answer as a whole module; None where it has none."""
    if case.canonical_solution is None:
        return None
    if case.entry_point in defined_names(case.canonical_solution):
        return with_setup(case, case.canonical_solution)
    return with_setup(case, case.prompt + case.canonical_solution)


def with_setup(case: FunctionCase, module: str) -> str:
    """A module after the imports and helpers that the case gives to both sides."""
    return f"{case.setup.rstrip()}\n\n\n{module}" if case.setup.strip() else module


def prelude(case: FunctionCase) -> str:
    """What a test may use of the prompt: all that it defines besides the function that is asked for."""
    helpers = _helpers(case.prompt, case.entry_point)
    return "\n\n".join(part for part in (case.setup, helpers) if part.strip())


@functools.lru_cache(maxsize=4096)
def _helpers(prompt: str, entry_point: str) -> str:
    for ending in ("\n    pass\n", "\n"):
        if (tree := parse_source(prompt + ending)) is not None:
            tree.body = [node for node in tree.body if getattr(node, "name", None) != entry_point]
            return ast.unparse(tree)
    return ""  # prose: it defines nothing


Twins = dict[str, dict[int, tuple[str, ...]]]
"""Test → variant → the parameters with which it fails, as they end its node id; empty for a test without."""


GUESS = 1e-3
"""How likely it may be, at most, that who tells twins from tests by chance passes."""


class RepositoryMode(Value):
    """How a repository is judged.

    isolated: pytest and tests in one sandbox, the package in another.
    decoyed: in one process, among twins that must fail; tests that can be isolated have to pass so, too.
    plain: in one process.
    broken: the case's own patch doesn't pass, or the base does.
    """

    how: Literal["isolated", "decoyed", "plain", "broken"]
    nodes: tuple[str, ...] = ()
    """Node ids that have to pass."""
    whole: tuple[str, ...] = ()
    """Files all of whose tests have to pass, where nothing tells which there are."""
    needed: tuple[str, ...] = ()
    """Those of the nodes that the base doesn't pass: only a right patch, or a cheat, does."""
    rounds: int = 1
    """Judgements among fresh twins, until a blind guess is below `GUESS`."""
    apart: tuple[str, ...] = ()
    """Those of the nodes which an answer has to pass apart from it, too, where not all can be decided so."""
    uses: frozenset[str] | None = None
    """What the case's own patch does with the tests' objects, apart from them: others may do no more."""
    plugins: bool = False
    """The plugins beside pytest are loaded: the case needs them."""
    twins: dict[str, Twins] = Field(default_factory=dict)
    """By file: the twins that fail with the case's own patch."""
    seen: dict[str, dict[str, dict[int, str]]] = Field(default_factory=dict)
    """By file, test and variant: what the case's own patch gives for other inputs (`consistent_twins.py`)."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the case's own patch sets off: they don't count."""
    reason: str = ""
    """Why it isn't stronger."""

    @property
    def strength(self) -> Strength:
        """How strong verdicts are that come of it."""
        return "strong" if self.how == "isolated" else "decoyed" if self.how == "decoyed" else "weak"

    @property
    def files(self) -> list[str]:
        """Test files, in order."""
        return files_of(self.nodes) or list(self.whole)

    def needed_names(self, path: str) -> frozenset[str]:
        """Qualified names of the tests of one file that have to be won."""
        return frozenset(name_of(node) for node in self.needed if node.partition("::")[0] == path)

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
