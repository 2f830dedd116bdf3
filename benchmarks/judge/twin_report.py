"""Read the report of a test file that ran with twins: the real tests must pass, and every twin must fail."""

import ast
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from benchmarks.judge.bare_tests import restore_ids
from benchmarks.judge.decoys import DisguisedFile, find_tests, names_error
from benchmarks.judge.inherited_tests import Tests
from benchmarks.judge.mode import RepositoryMode, Twins, name_of
from benchmarks.judge.pytest_report import TestRun
from benchmarks.judge.pytest_run import PytestRun
from benchmarks.verdict import Outcome


@dataclass(frozen=True, slots=True, eq=False)
class Hiding:
    """Test file as one judgement runs it."""

    job: PytestRun
    hidden: DisguisedFile | None
    nodes: frozenset[str]


def deciding_name(node: str, path: str, hidden: DisguisedFile | None, nodes: Collection[str]) -> str | None:
    """Return the case's node id of a failed, renamed node; None unless `nodes` contains this id."""
    run = TestRun(failures={node: ""})
    run = restore_ids(run, hidden.ids) if hidden is not None else run
    return next(
        (node_id for failure in run.failures if (node_id := _case_node_id(failure, hidden)) in nodes), None
    )


def read_run(run: TestRun, hiding: Hiding, mode: RepositoryMode) -> tuple[Outcome, str]:
    """Return the outcome of one file and its reason."""
    path, hidden = hiding.job.path, hiding.hidden
    run = restore_ids(run, hidden.ids) if hidden is not None else run
    passed = {_case_node_id(node, hidden) for node in run.passed}
    missing = sorted(hiding.nodes - passed)
    if path in mode.whole and not run.passes_whole:
        missing = sorted(run.failures.keys() - run.skipped) or [path]
    fooled = _fooled_tests(run, path, mode, hidden) if hidden is not None else set()
    if fooled and not missing:
        return "tampered", f"{path}: passed with wrong expectations, too: {', '.join(sorted(fooled)[:3])}"
    if missing:
        failures = {_case_node_id(node, hidden): text for node, text in run.failures.items()}
        return "failed", f"{missing[0]}: {failures.get(missing[0], 'it was not run to its end')}"
    if not run.done:
        return "error", f"{path}: pytest did not come to its end"
    return "passed", ""


def _fooled_tests(run: TestRun, path: str, mode: RepositoryMode, hidden: DisguisedFile) -> set[str]:
    """Return tests whose twins passed. One twin may expect another exception that also fits."""
    passed, failing = dict[str, set[str]](), {name_of(node) for node in run.failures}
    for node in run.passed:
        if (test := _fooled_test(node, path, mode, hidden, failing)) is not None:
            passed.setdefault(test, set()).add(name_of(node))
    if not passed:
        return set()
    nodes = {name: node for name, node, _ in find_tests(ast.parse(hidden.source))}
    twins = Counter(test for test, _ in hidden.variants.values())

    def is_of_two_kinds(test: str, names: set[str]) -> bool:
        is_named = test not in mode.seen.get(path, {}) and names <= nodes.keys()
        variants = [hidden.variants[name][1] for name in names]
        return is_named and len(names) == 1 < twins[test] and names_error(nodes[min(names)], variants[0])

    return {test for test, names in passed.items() if not is_of_two_kinds(test, names)}


def _fooled_test(
    node: str, path: str, mode: RepositoryMode, hidden: DisguisedFile, failing: set[str]
) -> str | None:
    """Return the test of a twin that must fail, as a whole or with the node's parameters; else None."""
    name, bracket, parameters = node.partition("::")[2].partition("[")
    if name not in hidden.variants:
        return None
    test, variant = hidden.variants[name]
    if test in mode.seen.get(path, {}):  # its other rows are right
        return test if name not in failing else None
    return test if bracket + parameters in mode.twins[path][test][variant] else None


def _case_node_id(node: str, hidden: DisguisedFile | None) -> str:
    """Return the case's node id of a renamed test; a node id of a twin is returned as it is."""
    path, _, test_id = node.partition("::")
    name, bracket, parameters = test_id.partition("[")
    test_name = hidden.real.get(name) if hidden is not None else None
    return f"{path}::{test_name}{bracket}{parameters}" if test_name is not None else node


def failing_twins(
    run: TestRun, path: str, hidden: DisguisedFile, heirs: Tests, pinned: RepositoryMode
) -> Twins:
    """Return twins that fail in every inheriting class, each with the parameters with which it fails."""
    sound_names = {
        name for name in hidden.real.values() if _passes_still(run, path, hidden.real, name, pinned)
    }
    seen_names, failing = {_split_node(node)[0] for node in run.seen}, dict[str, set[str]]()
    for node in run.seen - run.passed - run.left - _independent_failures(run, hidden):
        twin, parameters = _split_node(node)
        failing.setdefault(twin, set()).add(parameters)
    overdue = set(map(name_of, run.left))  # took too long, or left threads, perhaps with some parameters only
    places: dict[tuple[str, int], list[set[str]]] = {}
    for twin, test_variant in hidden.variants.items():
        if twin in overdue:
            places.setdefault(test_variant, []).append(set())
        elif twin in seen_names:
            places.setdefault(test_variant, []).append(failing.get(twin, set()))
    twins: Twins = {}
    for (name, variant), parameter_sets in sorted(places.items()):
        common = set[str].intersection(*parameter_sets)
        if common and sound_names.issuperset((name, *heirs.get(name, ()))):
            twins.setdefault(name, {})[variant] = tuple(sorted(common))
    return twins


def _independent_failures(run: TestRun, hidden: DisguisedFile) -> set[str]:
    """Return twins that fail independently of the code, such as by a key that a table of the test lacks."""
    tests = find_tests(ast.parse(hidden.source)) if run.broken else ()
    twins = {node.name: node for _, node, _ in tests}  # also of the classes that inherit them

    def expects_other_error(name: str) -> bool:
        twin = twins.get(name.rpartition("::")[2])
        return name in hidden.variants and twin is not None and names_error(twin, hidden.variants[name][1])

    return {node for node in run.broken if not expects_other_error(_split_node(node)[0])}


def _split_node(node: str) -> tuple[str, str]:
    name, bracket, parameters = node.partition("::")[2].partition("[")
    return name, bracket + parameters


def _passes_still(run: TestRun, path: str, real: Mapping[str, str], name: str, mode: RepositoryMode) -> bool:
    random_name = next(random_name for random_name, test_name in real.items() if test_name == name)
    nodes = [node for node in mode.nodes_of(path) if _split_node(node)[0] == name]
    return all(node.replace(f"::{name}", f"::{random_name}", 1) in run.passed for node in nodes)
