"""Twins of a case's tests, with a constant changed, that fail with the case's own patch."""

import ast
import random
from collections.abc import Mapping

from benchmarks.judge.decoys import OTHERS, Disguised, disguise, variants_of
from benchmarks.judge.inherited_tests import Tests, heirs_of
from benchmarks.judge.pytest_run import Job, TestRun, run_jobs
from benchmarks.judge.repository_mode import RepositoryMode, Twins
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_TWIN_RUNS = 32
"""Of one file, at most, to find twins that fail without ending the process."""


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
    covered = {
        f"{path}::{one}"
        for path, names in twins.items()
        for name in names
        for one in (name, *_heirs(gold, path).get(name, ()))
    }
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
    heirs = _heirs(gold, path)
    places = {
        name: some
        for name, some in variants_of(source).items()
        if not wanted.isdisjoint((name, *heirs.get(name, ())))
    }
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
        (run,) = await run_jobs(sandbox, case, gold, [Job(path, hidden.source)], plugins=pinned.plugins)
        if run.done and run.passed:
            heirs = _heirs(gold, path)
            for name, some in _valid(run, path, hidden, heirs, pinned).items():
                found.setdefault(name, {}).update(some)
        elif unended := {hidden.variants.get(_split(node)[0]) for node in run.unended} - {None}:
            waiting.insert(0, [one for one in tried if one not in unended])
        elif len(tried) > 1:
            middle = len(tried) // 2
            waiting += [tried[:middle], tried[middle:]]
    return found


def _heirs(gold: Mapping[str, bytes], path: str) -> Tests:
    return heirs_of(ast.parse(gold[path].decode("utf-8", "replace")))


def _valid(run: TestRun, path: str, hidden: Disguised, heirs: Tests, pinned: RepositoryMode) -> Twins:
    """The twins that fail in every class that has them, each with the parameters with which it does."""
    sound = {name for name in hidden.real.values() if _still_passes(run, path, hidden.real, name, pinned)}
    seen = {_split(node)[0] for node in run.seen}
    failing: dict[str, set[str]] = {}
    for node in run.seen - run.passed:
        twin, parameters = _split(node)
        failing.setdefault(twin, set()).add(parameters)
    places: dict[tuple[str, int], list[set[str]]] = {}
    for twin, one in hidden.variants.items():
        if twin in seen:
            places.setdefault(one, []).append(failing.get(twin, set()))
    found: Twins = {}
    for (name, variant), some in sorted(places.items()):
        everywhere = set[str].intersection(*some)
        if everywhere and sound.issuperset((name, *heirs.get(name, ()))):
            found.setdefault(name, {})[variant] = tuple(sorted(everywhere))
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
