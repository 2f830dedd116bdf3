"""Which classes of cheats the tests of a case offer a surface to, read from the tests and the case's mode.

A class that is named isn't one that passes: `docs/reference/judging.md` has what was tried, and the rates.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, get_args

from benchmarks.cli.code_in_tests import ParsedTests, code_of_function, code_of_repository
from benchmarks.judge.candidate_tree import base_tree
from benchmarks.judge.decoys import called
from benchmarks.judge.isolated_check import top_modules
from benchmarks.judge.mode import Mode, RepositoryMode
from benchmarks.suite import Case, FunctionCase, RepositoryCase

Exposure = Literal[
    "imported library",
    "comparison by the code",
    "context manager",
    "changed argument",
    "operators on test objects",
    "iteration in the test",
    "test streams",
    "expected errors",
    "state between calls",
    "habits of tests",
    "no isolation",
]
_NO_ISOLATION: Exposure = "no isolation"
EXPOSURES: tuple[Exposure, ...] = get_args(Exposure)
"""Names of the classes, in the order of the documentation."""
_TOOLS = frozenset({"pytest", "_pytest", "unittest", "hypothesis", "mock"})
_COMPARES = re.compile(r"assert|check|expect|verif|compar|equal|same|match|close|differ", re.IGNORECASE)
_CONSUMERS = frozenset(
    (
        *("all", "any", "enumerate", "filter", "list", "map", "max", "min", "next"),
        *("reduce", "set", "sorted", "sum", "tuple", "zip"),
    )
)
_STREAMS = frozenset(
    {"StringIO", "BytesIO", "TextIOWrapper", "BufferedReader", "BufferedWriter", "open", "TemporaryFile"}
)
_MUTABLE = frozenset({"array", "bytearray", "deque", "Counter", "OrderedDict", "defaultdict", "memoryview"})


def exposures_of(case: Case, mode: Mode | RepositoryMode | None) -> tuple[Exposure, ...]:
    """Classes of cheats that could try this case; none for scripts and for cases that can't be judged."""
    if mode is None or mode.how == "broken":
        return ()
    match case, mode:
        case FunctionCase(), Mode():
            sources, uses = [code_of_function(case)], mode.crossing.uses
            found = _of_function(mode, sources[0])
        case RepositoryCase(), RepositoryMode():
            modules = frozenset(top_modules(base_tree(case), case))
            files = {**case.files, **{path: text.encode() for path, text in case.hidden_tests.items()}}
            texts = (files.get(path, b"").decode("utf-8", "replace") for path in mode.files)
            sources, uses = [code_of_repository(text, modules) for text in texts], mode.uses
            found = _of_repository(mode, sources, modules)
        case _:
            return ()
    if uses:
        found.add("operators on test objects")
    found |= {name for name, has in _SURFACES.items() if any(map(has, sources))}
    return tuple(name for name in EXPOSURES if name in found)


def _of_function(mode: Mode, source: ParsedTests) -> set[Exposure]:
    found = set[Exposure]() if mode.how == "isolated" else {_NO_ISOLATION}
    if mode.how != "shared_process" and (mode.stateful or source.names & _MUTABLE):
        found.add("state between calls")
    return found


def _of_repository(
    mode: RepositoryMode, sources: Sequence[ParsedTests], modules: frozenset[str]
) -> set[Exposure]:
    found = set[Exposure]()
    if mode.how != "isolated":
        found.add("habits of tests" if mode.how == "decoyed" else _NO_ISOLATION)
    if any(_libraries(source, modules) for source in sources):
        found.add("imported library")
    return found


def _libraries(source: ParsedTests, modules: frozenset[str]) -> frozenset[str]:
    """Modules that a test imports and neither the package, nor Python, nor the test tool has."""
    return source.imports - modules - sys.stdlib_module_names - _TOOLS


def _compares_by_code(source: ParsedTests) -> bool:
    calls = (node for test in source.tests for node in ast.walk(test) if isinstance(node, ast.Call))
    return any(source.is_of_code(node.func) and _COMPARES.search(called(node)) for node in calls)


def _enters_code(source: ParsedTests) -> bool:
    entered = (item.context_expr for item in source.nodes(ast.withitem))
    return any(source.is_of_code(one) for one in entered if not _expects_error(one))


def _expects_error(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and called(node) in (
        "raises",
        "assertRaises",
        "assertRaisesRegex",
        "warns",
    )


def _looks_at_arguments(source: ParsedTests) -> bool:
    for test in source.tests:
        given = {
            argument.id
            for node in ast.walk(test)
            if isinstance(node, ast.Call) and source.is_of_code(node.func)
            for argument in node.args
            if isinstance(argument, ast.Name)
        }
        compared = {
            name.id for check in _checks(test) for name in ast.walk(check) if isinstance(name, ast.Name)
        }
        if given & compared & _containers(test):
            return True
    return False


def _containers(test: ast.AST) -> set[str]:
    """Names to which a test assigns a list, a dict, a set or the result of a call."""
    kinds = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.Call)
    assigned = (
        node for node in ast.walk(test) if isinstance(node, ast.Assign) and isinstance(node.value, kinds)
    )
    return {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def _checks(test: ast.AST) -> Iterator[ast.AST]:
    for node in ast.walk(test):
        if isinstance(node, ast.Assert) or (isinstance(node, ast.Call) and called(node).startswith("assert")):
            yield node


def _iterates_over_code(source: ParsedTests) -> bool:
    loops = source.nodes(ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    consumed = (node for node in source.nodes(ast.Call) if called(node) in _CONSUMERS and node.args)
    arguments = (argument for node in consumed for argument in node.args)
    return any(source.is_of_code(one) for one in (*loops, *arguments))


def _has_streams(source: ParsedTests) -> bool:
    return any(called(node) in _STREAMS for node in source.nodes(ast.Call))


def _expects_errors(source: ParsedTests) -> bool:
    return any(map(_expects_error, source.nodes(ast.Call))) or any(source.nodes(ast.ExceptHandler))


_SURFACES: Mapping[Exposure, Callable[[ParsedTests], bool]] = {
    "comparison by the code": _compares_by_code,
    "context manager": _enters_code,
    "changed argument": _looks_at_arguments,
    "iteration in the test": _iterates_over_code,
    "test streams": _has_streams,
    "expected errors": _expects_errors,
}


def count_exposures(exposed: Sequence[Sequence[Exposure]]) -> dict[Exposure, int]:
    """Number of cases by class, in order; classes without a case left out."""
    return {name: count for name in EXPOSURES if (count := sum(name in one for one in exposed))}
