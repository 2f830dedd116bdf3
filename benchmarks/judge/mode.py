"""Define judging modes, which the canonical answer fixes before answers are judged, and cache them."""

import ast
import functools
import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import Field, TypeAdapter

from benchmarks.judge.decoys import called_name
from benchmarks.judge.digest import judge_digest
from benchmarks.suite import FunctionCase, ScriptCase
from benchmarks.verdict import Strength
from benchmarks.written import write_text
from coder.base.errors import UsageError
from coder.source.python_names import defined_names, parse_source, with_future_first
from sandbox.result import Value
from sandbox.verdicts.run_report import Crossing
from sandbox.verdicts.trial import Repeated

CARRIERS = frozenset({"generator", "coroutine", "function", "record"})
"""Kinds of references that carry only plain data; their results are checked again."""


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
    repeats: Repeated = ""
    """Which other calls leave the canonical answer right, where calls can't be repeated alone."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the canonical answer sets off in the tests' process; ignored for answers."""
    passed_by: str = ""
    """Which answers pass the case's test though they are wrong; "" if none of those that were tried."""
    cpu_s: float = 0.0
    """CPU seconds of the canonical answer and its tests; 0 if there is none."""
    seed: int = 0
    """Seed of the tests' random values, which no answer knows, so that what is exchanged can be compared."""
    exchanged: str = ""
    """Digest of what passed between the tests and the canonical answer; "" if there is none."""
    reason: str = ""

    @property
    def strength(self) -> Strength:
        """Strength of the verdicts."""
        return "strong" if self.how == "isolated" and not self.passed_by else "weaker"


def without_canonical(case: FunctionCase) -> Mode:
    """Return the mode of a case without a canonical answer: plain data; weaker if tests may use objects."""
    error_names: set[str] = set()
    for source in (case.test, case.plus_test or ""):
        error_names |= _exceptions_in(source)
    crossing = Crossing(kinds=CARRIERS, errors=frozenset(error_names), uses=_ITERATOR_USES)
    mode = Mode(how="isolated", crossing=crossing, stateful=case.stateful)
    if not any(map(_may_give_objects, (prelude(case), case.test, case.plus_test or ""))):
        return mode
    reason = "without an answer of its own, nothing says what may be done with its tests' objects"
    open_crossing = crossing.model_copy(update={"uses": None})
    return mode.model_copy(update={"how": "by_reference", "crossing": open_crossing, "reason": reason})


_ITERATOR_USES = frozenset({"* iterator step", "* iterator drain"})
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
    """Whether a test may receive objects with attributes; if not, answers can't return these objects."""
    nodes = _nodes(source)
    modules = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    modules |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    has_class = any(isinstance(node, ast.ClassDef) for node in nodes)
    return has_class or not {name.partition(".")[0] for name in modules} <= _WITHOUT_OBJECTS


def _exceptions_in(source: str) -> set[str]:
    """Return exceptions that a test catches (`except`) or expects (calls such as `raises`)."""
    names: set[str] = set()
    for node in _nodes(source):
        if isinstance(node, ast.ExceptHandler) and node.type is not None:
            names |= _names_in(node.type)
        elif isinstance(node, ast.Call) and called_name(node) in (
            "raises",
            "assertRaises",
            "assertRaisesRegex",
        ):
            names |= _names_in(node.args[0]) if node.args else set()
    return names - {"Exception", "BaseException", "AssertionError"}


def _nodes(source: str) -> list[ast.AST]:
    tree = parse_source(source)
    return [] if tree is None else list(ast.walk(tree))


def _names_in(node: ast.expr) -> set[str]:
    return {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}


def canonical_module(case: FunctionCase) -> str | None:
    """Return the canonical answer as a whole module; None if the case has no canonical answer."""
    if case.canonical_solution is None:
        return None
    if case.entry_point in defined_names(case.canonical_solution):
        return with_setup(case, case.canonical_solution)
    return with_setup(case, case.prompt + case.canonical_solution)


def with_setup(case: FunctionCase | ScriptCase, module: str) -> str:
    """Return a module with the case's imports and helpers before it."""
    setup = case.setup if isinstance(case, FunctionCase) else ""
    parts = [*(text.rstrip() for text in (case.header, setup) if text.strip()), module]
    return with_future_first("\n\n\n".join(parts))


def prelude(case: FunctionCase) -> str:
    """Return the definitions of the prompt that a test may use: all but the requested function.

    Raises UsageError if the prompt is nested too deeply.
    """
    helpers = _prompt_helpers(case.prompt, case.entry_point)
    return "\n\n".join(part for part in (case.setup, helpers) if part.strip())


@functools.lru_cache(maxsize=4096)
def _prompt_helpers(prompt: str, entry_point: str) -> str:
    for ending in ("\n    pass\n", "\n"):
        if (tree := parse_source(prompt + ending)) is not None:
            if not any(isinstance(node, _DEFINITIONS) for node in tree.body):
                return ""  # a word or a name of prose is an expression of Python, too
            tree.body = [
                node
                for node in tree.body
                if isinstance(node, (*_DEFINITIONS, *_SETTINGS))
                and getattr(node, "name", None) != entry_point
            ]
            try:
                return ast.unparse(tree)
            except RecursionError as error:
                raise UsageError("The prompt of the case is nested too deeply to be read.") from error
    return ""  # prose defines nothing


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_SETTINGS = (ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign, ast.If, ast.Try)
"""Statements around definitions that a test may use; an `if` or `try` sets names by version or package."""


Twins = dict[str, dict[int, tuple[str, ...]]]
"""By test and variant: parameters (ends of node ids) with which the twin fails; "" without parameters."""


Tool = Literal["plain", "rewriting", "plugins"]
"""How pytest runs tests: plainly; with rewritten assertions, whose messages have the values; also with the
plugins that are installed beside pytest."""
MAX_GUESS = 1e-3
"""Maximum accepted probability that guessing tests among twins passes."""


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
    """Files whose tests must all pass, if no node ids are known."""
    needed: tuple[str, ...] = ()
    """Node ids that the base fails: only a correct patch, or a cheat, passes them."""
    skipped: tuple[str, ...] = ()
    """Tests of `pass_to_pass` that this machine skips with the case's own patch, too: they count as kept."""
    rounds: int = 1
    """Judgements with fresh twins until a blind guess is below `MAX_GUESS`."""
    apart: tuple[str, ...] = ()
    """Node ids that must also pass isolated, if not all nodes can be isolated."""
    uses: frozenset[str] | None = None
    """Uses of the tests' objects by the case's own patch when isolated; answers may do no more."""
    seconds: dict[str, float] = Field(default_factory=dict)
    """By file: seconds that its tests take with the case's own patch."""
    tool: Tool = "plain"
    """How pytest has to run the case's tests."""
    twins: dict[str, Twins] = Field(default_factory=dict)
    """By file: twins that fail with the case's own patch."""
    helpers: tuple[str, ...] = ()
    """Modules of the repository that only its tests use: they run beside isolated tests, from the case."""
    seed: int = 0
    """Seed of the isolated tests' random values, so that what is exchanged can be compared."""
    exchanged: str = ""
    """Digest of what passed between the isolated tests and the case's own patch."""
    seen: dict[str, dict[str, dict[int, str]]] = Field(default_factory=dict)
    """By file, test and variant: results of the case's own patch for other inputs (`consistent_twins.py`)."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the case's own patch sets off; ignored for answers."""
    alarm: bool = False
    """Whether another runner's tests, plus a failing test, fail with the case's own patch."""
    reason: str = ""

    @property
    def strength(self) -> Strength:
        """Strength of the verdicts."""
        return "strong" if self.how == "isolated" else "decoyed" if self.how == "decoyed" else "weak"

    @property
    def files(self) -> list[str]:
        """Test files, sorted."""
        return files_of(self.nodes) or list(self.whole)

    def needed_names(self, path: str) -> frozenset[str]:
        """Return the qualified names of one file's tests that the base fails."""
        return frozenset(name_of(node) for node in self.needed if node.partition("::")[0] == path)

    def nodes_of(self, path: str) -> set[str]:
        """Return the node ids of one file."""
        return {node for node in self.nodes if node.partition("::")[0] == path}


def name_of(node: str) -> str:
    """Return the qualified name of a node's test, such as `TestF::test_g`."""
    return node.partition("::")[2].partition("[")[0]


def files_of(nodes: Iterable[str]) -> list[str]:
    """Return the files of nodes, sorted."""
    return sorted({node.partition("::")[0] for node in nodes})


_MODES = TypeAdapter(dict[str, Mode | RepositoryMode])


class KnownModes:
    """Cached modes of one suite by case, in a file; an unreadable file counts as empty."""

    def __init__(self, folder: Path, *about: str) -> None:
        """Read the cache. `about`: the suite's digest, interpreter, backend and what else modes depend on."""
        key = hashlib.sha256("\n".join((judge_digest(), *about)).encode()).hexdigest()
        self._path, self._has_new = folder / f"{key[:32]}.json", False
        try:
            self._modes = _MODES.validate_json(self._path.read_bytes())
        except (OSError, ValueError):
            self._modes = {}

    def get(self, case: str) -> Mode | RepositoryMode | None:
        """Return the cached mode of a case; None if there is none."""
        return self._modes.get(case)

    def put(self, case: str, mode: Mode | RepositoryMode) -> None:
        """Cache a mode; modes of cases that can't be judged aren't cached."""
        if mode.how != "broken" and case not in self._modes:
            self._modes[case], self._has_new = mode, True

    def save(self) -> None:
        """Write the file if there are new entries."""
        if self._has_new:
            write_text(self._path, _MODES.dump_json(self._modes).decode())
            self._has_new = False
