"""How a repository case is judged: found with the case's own patch, before any answer is seen."""

import random
from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from benchmarks.judge.apart import Open, run_apart
from benchmarks.judge.decoys import OTHERS, disguise, variants_of
from benchmarks.judge.needed import missing_packages
from benchmarks.judge.pytest_run import TestRun, run_test_file
from benchmarks.judge.tree import gold_tree, is_test_path
from benchmarks.patch import PatchRefused
from benchmarks.suite import RepositoryCase
from benchmarks.verdict import Strength
from sandbox import Sandbox
from sandbox.check import CheckResult

_TWIN_RUNS = 32
"""Of one file, at most, to find twins that fail without ending the process."""


Twins = dict[str, dict[int, tuple[str, ...]]]
"""Test → variant → the parameters with which it fails, as they end its node id; empty for a test without."""


class RepositoryMode(BaseModel):
    """How a case is judged.

    apart: pytest and tests in one sandbox, the package in another.
    decoyed: in one process, among twins that must fail; and those tests apart, too, which can be.
    plain: in one process.
    broken: the case's own patch doesn't pass, or the base does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    how: Literal["apart", "decoyed", "plain", "broken"]
    nodes: tuple[str, ...] = ()
    """Node ids that have to pass."""
    apart: tuple[str, ...] = ()
    """Those of the nodes which an answer has to pass apart from it, too, where not all can be decided so."""
    plugins: bool = False
    """The plugins beside pytest are loaded: the case needs them."""
    twins: dict[str, Twins] = {}
    """By file: the twins that fail with the case's own patch."""
    tripped: frozenset[str] = frozenset()
    """Alarms that the case's own patch sets off: they don't count."""
    reason: str = ""
    """Why it isn't stronger."""

    @property
    def strength(self) -> Strength:
        """How strong verdicts are that come of it."""
        return "strong" if self.how == "apart" else "decoyed" if self.how == "decoyed" else "weak"

    @property
    def files(self) -> list[str]:
        """Test files, in order."""
        return files_of(self.nodes)

    def nodes_of(self, path: str) -> set[str]:
        """Node ids of one file."""
        return {node for node in self.nodes if node.partition("::")[0] == path}


async def find_repository_mode(sandbox: Sandbox, opened: Open | None, case: RepositoryCase) -> RepositoryMode:
    """The strongest way in which the case's own patch passes.

    Args:
        opened: None where only the interpreter in `sandbox` that the case's environment names can run it.

    Raises:
        SandboxBroken: a sandbox stopped working.
    """
    named = (*case.fail_to_pass, *case.pass_to_pass)
    if case.gold_patch is None:
        reason = "it has no patch of its own" + ("" if named else ", and names no tests")
        return RepositoryMode(how="plain" if named else "broken", nodes=named, reason=reason)
    try:
        gold = gold_tree(case)
    except PatchRefused as error:
        return RepositoryMode(how="broken", reason=f"the case's own patch doesn't fit: {error}")
    pinned = await _pin(sandbox, case, gold, named)
    if pinned.how == "broken":
        return pinned
    if opened is None:
        return await with_twins(
            sandbox, case, gold, pinned, "its tests have another Python than the one on their image's PATH"
        )
    report = await run_apart(opened, case, gold, pinned.files)
    if report is None:
        return await with_twins(sandbox, case, gold, pinned, "it has no package that could be called apart")
    passed = passed_apart(report.results)
    lacking = [node for node in pinned.nodes if node not in passed]
    if not lacking:
        return pinned.model_copy(update={"how": "apart"})
    wanted = case.fail_to_pass or pinned.nodes
    if not passed.issuperset(wanted):  # another test may have ended it
        again = await run_apart(opened, case, gold, files_of(wanted))
        passed |= passed_apart(again.results) if again is not None else set()
    why = next((one.message for one in report.results if one.name == lacking[0]), report.note)
    reason = (
        f"{len(lacking):,} of {len(pinned.nodes):,} tests can't be decided apart, such as {lacking[0]}: "
        + " ".join(why.strip().splitlines()[-1:])
    )[:500]
    apart = tuple(node for node in wanted if node in passed)
    return await with_twins(sandbox, case, gold, pinned.model_copy(update={"apart": apart}), reason)


def passed_apart(results: Iterable[CheckResult]) -> set[str]:
    """Names of tests that were reported passed, and never failed."""
    found: dict[str, bool] = {}
    for one in results:
        found[one.name] = found.get(one.name, True) and one.passed
    return {name for name, passed in found.items() if passed}


def files_of(nodes: Iterable[str]) -> list[str]:
    """The files of nodes, in order."""
    return sorted({node.partition("::")[0] for node in nodes})


async def _pin(
    sandbox: Sandbox, case: RepositoryCase, gold: Mapping[str, bytes], named: tuple[str, ...]
) -> RepositoryMode:
    """The nodes that have to pass: those that the case names, or all that its own patch passes."""
    paths = sorted({node.partition("::")[0] for node in named}) or [
        path for path in case.hidden_tests if is_test_path(path) and path.endswith(".py")
    ]
    why = ""
    for plugins in (False, True):
        runs = {path: await run_test_file(sandbox, case, gold, path, plugins=plugins) for path in paths}
        passed = {node for run in runs.values() if run.done for node in run.passed}
        lacking = sorted(set(named) - passed)
        if passed and not lacking:
            nodes = named or tuple(sorted(passed))
            base = await _base_passes(sandbox, case, paths, set(case.fail_to_pass or nodes), plugins=plugins)
            if base:
                return RepositoryMode(how="broken", reason="the base passes already, without any patch")
            tripped = frozenset[str]().union(*(run.tripped for run in runs.values()))
            return RepositoryMode(how="plain", nodes=nodes, plugins=plugins, tripped=tripped)
        why = why or _why(runs, lacking)
    lacks = await missing_packages(sandbox, case.dependencies, case.environment)
    reason = f"the case's own patch fails: {why}"
    if lacks:
        reason = (
            f"the interpreter has no {', '.join(lacks)}, which the case says it needs, and {reason} "
            "(give an interpreter that has them: --python)"
        )
    return RepositoryMode(how="broken", reason=reason)


async def _base_passes(
    sandbox: Sandbox, case: RepositoryCase, paths: list[str], nodes: set[str], *, plugins: bool
) -> bool:
    tree = {**case.files, **{path: text.encode() for path, text in case.hidden_tests.items()}}
    for path in paths:
        wanted = {node for node in nodes if node.partition("::")[0] == path}
        if wanted:
            run = await run_test_file(sandbox, case, tree, path, plugins=plugins)
            if not (run.done and wanted <= run.passed):
                return False
    return True


async def with_twins(
    sandbox: Sandbox, case: RepositoryCase, gold: Mapping[str, bytes], pinned: RepositoryMode, reason: str
) -> RepositoryMode:
    """The mode among twins, where each test that has to be won has one that fails.

    Args:
        reason: why its tests can't all be decided apart from it.

    Raises:
        SandboxBroken: the sandbox stopped working.
    """
    twins = {path: await _twins_of(sandbox, case, gold, path, pinned) for path in pinned.files}
    covered = {f"{path}::{name}" for path, names in twins.items() for name in names}
    needed = case.fail_to_pass or pinned.nodes
    bare = next((node for node in needed if node.partition("[")[0] not in covered), None)
    if bare is not None:
        reason = f"no twin of {bare} fails with the case's own patch"
        return pinned.model_copy(update={"how": "plain", "twins": twins, "reason": reason})
    return pinned.model_copy(update={"how": "decoyed", "twins": twins, "reason": reason})


async def _twins_of(
    sandbox: Sandbox, case: RepositoryCase, gold: Mapping[str, bytes], path: str, pinned: RepositoryMode
) -> Twins:
    """Variants of the tests of one file that fail with the case's own patch, where the tests still pass.

    One that ends the process takes the others with it, and is left out. So does one that can't be collected,
    and as nobody knows which one it is, they are tried by halves.
    """
    source = gold[path].decode("utf-8", "replace")
    wanted = {node.partition("::")[2].partition("[")[0] for node in pinned.nodes_of(path)}
    places = {name: some for name, some in variants_of(source).items() if name in wanted}
    runs = [_TWIN_RUNS]
    first = [(name, place[0]) for name, some in places.items() for place in some]
    found = await _failing(sandbox, case, gold, path, pinned, first, runs)
    # Those of one place only, that has the most values: twins of two places give away what they all share.
    best: Twins = {}
    for name, variants in found.items():
        one = max(variants, key=lambda variant: (len(places[name][variant // OTHERS]), -variant))
        best[name] = {one: variants[one]}
    more = [
        (name, variant)
        for name, variants in best.items()
        for one in variants
        for variant in places[name][one // OTHERS][1:]
    ]
    for name, variants in (await _failing(sandbox, case, gold, path, pinned, more, runs)).items():
        best[name] = dict(sorted({**best[name], **variants}.items()))
    return best


async def _failing(
    sandbox: Sandbox,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    path: str,
    pinned: RepositoryMode,
    variants: list[tuple[str, int]],
    runs: list[int],
) -> Twins:
    """Those variants that fail. `runs` holds how often pytest may still be run, and is counted down."""
    source = gold[path].decode("utf-8", "replace")
    waiting = [variants]
    found: Twins = {}
    while waiting and runs[0]:
        if not (tried := waiting.pop(0)):
            continue
        runs[0] -= 1
        chosen: dict[str, list[int]] = {}
        for name, variant in tried:
            chosen.setdefault(name, []).append(variant)
        hidden = disguise(source, chosen, random.Random(case.id))
        tree = {**gold, path: hidden.source.encode()}
        run = await run_test_file(sandbox, case, tree, path, plugins=pinned.plugins)
        if run.done and run.passed:
            for name, some in _valid(run, path, hidden.real, hidden.variants, pinned).items():
                found.setdefault(name, {}).update(some)
        elif unended := {hidden.variants.get(_split(node)[0]) for node in run.unended} - {None}:
            waiting.insert(0, [one for one in tried if one not in unended])
        elif len(tried) > 1:
            middle = len(tried) // 2
            waiting += [tried[:middle], tried[middle:]]
    return found


def _valid(
    run: TestRun,
    path: str,
    real: Mapping[str, str],
    variants: Mapping[str, tuple[str, int]],
    pinned: RepositoryMode,
) -> Twins:
    sound = {name for name in set(real.values()) if _still_passes(run, path, real, name, pinned)}
    failing: dict[str, list[str]] = {}
    for node in sorted(run.seen - run.passed):
        twin, parameters = _split(node)
        failing.setdefault(twin, []).append(parameters)
    found: Twins = {}
    for twin, (name, variant) in sorted(variants.items(), key=lambda item: item[1]):
        if name in sound and twin in failing:
            found.setdefault(name, {})[variant] = tuple(failing[twin])
    return found


def _split(node: str) -> tuple[str, str]:
    """Qualified name of a node's test, and its parameters in brackets."""
    name, bracket, parameters = node.partition("::")[2].partition("[")
    return name, bracket + parameters


def _still_passes(
    run: TestRun, path: str, real: Mapping[str, str], name: str, pinned: RepositoryMode
) -> bool:
    """Whether a test passes under its new name as it did under its own."""
    new = next(one for one, old in real.items() if old == name)
    nodes = [node for node in pinned.nodes_of(path) if node.partition("::")[2].partition("[")[0] == name]
    return all(node.replace(f"::{name}", f"::{new}", 1) in run.passed for node in nodes)


def _why(runs: Mapping[str, TestRun], lacking: list[str]) -> str:
    for run in runs.values():
        for node in lacking:
            if node in run.failures:
                return f"{node}: {run.failures[node][-200:]}"
    for path, run in runs.items():
        if run.failures:
            node, text = next(iter(run.failures.items()))
            return f"{node}: {text[-200:]}"
        if not run.done and run.result is not None:
            return f"{path}: {(run.result.stderr or run.result.stdout).strip()[-300:]}"
    return f"{lacking[0]} wasn't run" if lacking else "no test passed"
