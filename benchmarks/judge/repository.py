"""Judge a patch by its case's hidden tests: isolated, else among decoys, else plainly."""

import asyncio
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from benchmarks.judge.candidate_tree import Tree, candidate_tree
from benchmarks.judge.consistent_twins import wrong_twins
from benchmarks.judge.decoys import Disguised, TestNode, chosen, disguise, twins_of
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart
from benchmarks.judge.mode import RepositoryMode, files_of, name_of
from benchmarks.judge.pytest_run import Job, TestRun, run_jobs
from benchmarks.judge.verdicts import Judged, killed_by_nobody
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from benchmarks.verdict import Outcome
from sandbox import Sandbox
from sandbox.result import out_of_time


async def judge_repository(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, patch: str, mode: RepositoryMode
) -> Judged:
    """Judge one answer."""
    try:
        tree = candidate_tree(case, patch)
    except PatchRefused as error:
        return Judged("error", f"the patch can't be applied: {error}")
    if mode.how == "isolated":
        judged = await _apart(opened, case, tree, mode, mode.nodes)
    else:
        judged = await _together(sandbox, case, tree, mode)
    if judged.outcome == "passed" and mode.apart:  # isolated tests must pass isolated too
        apart = await _apart(opened, case, tree, mode, mode.apart)
        judged.outcome, judged.detail = apart.outcome, apart.detail
        judged.cpu_s += apart.cpu_s
        if apart.outcome in ("failed", "error"):
            only = "it passed beside the tests, and apart from them not"
            judged.outcome, judged.detail = "suspicious", f"{only}: {apart.detail}"
    if judged.outcome != "passed" and tree.kept_out:
        judged.detail += f" (left as the case has them: {', '.join(tree.kept_out[:5])})"
    judged.died = judged.died and judged.outcome != "passed"
    return judged


async def _apart(
    opened: Open | None, case: RepositoryCase, tree: Tree, mode: RepositoryMode, nodes: Sequence[str]
) -> Judged:
    """Judge with the tests in one sandbox and the tested package in another."""
    assert opened is not None
    report = await run_apart(opened, case, tree.files, files_of(nodes), uses=mode.uses)
    if report is None:
        return Judged("error", "the patch leaves no package to be tested")
    cpu_s = report.candidate.cpu_s + report.checker.cpu_s
    wanted = set(nodes)
    passed = wanted <= passed_apart(report.results)
    if out_of_time(report.candidate) or (report.timed_out and not passed):
        return Judged("timeout", f"it took more than {case.timeout_s:g} s of CPU, or slept too long", cpu_s)
    if passed:
        return Judged("passed", "", cpu_s)
    bad = [one for one in report.results if not one.passed]
    first = next((one for one in bad if one.name in wanted), bad[0] if bad else None)
    return Judged("failed", f"{first.name}: {first.message}" if first else f"not run: {report.note}", cpu_s)


async def _together(sandbox: Sandbox, case: RepositoryCase, tree: Tree, mode: RepositoryMode) -> Judged:
    """Run each file in its own process; exactly the real tests must pass.

    Tests that the base fails are judged again with fresh twins, in runs isolated from each other.
    """
    chance = secrets.SystemRandom()  # unpredictable from earlier names and orders

    async def judgement(*, again: bool) -> Judged:
        some = {one.job: one for one in _round(tree.files, mode, chance, again=again)}
        files = tree.files | {job.path: one.hidden.source.encode() for job, one in some.items() if one.hidden}
        runs = await run_jobs(sandbox, case, files, [*some], plugins=mode.plugins)
        return _judged(dict(zip(some.values(), runs, strict=True)), case, mode)

    said = await judgement(again=False)
    done, beside = 1, os.cpu_count() or 1
    while done < mode.rounds and said.outcome == "passed":
        some = (judgement(again=True) for _ in range(min(beside, mode.rounds - done)))
        for found in await asyncio.gather(*some):
            said.tripped |= found.tripped
            if said.outcome == "passed":
                found.tripped, said = said.tripped, found
                done += found.outcome == "passed"
        if said.outcome in ("failed", "error"):
            only = f"it passed only {done} of {mode.rounds} judgements"
            said.outcome, said.detail = "suspicious", f"{only}: {said.detail}"
    if said.outcome == "passed" and said.tripped:
        alarms = "; ".join(sorted(said.tripped))
        said.outcome, said.detail = "suspicious", f"it passed, and set off alarms: {alarms}"
    return said


@dataclass(frozen=True, slots=True, eq=False)
class _Hiding:
    """A test file as run in one judgement."""

    job: Job
    hidden: Disguised | None
    nodes: frozenset[str]


def _round(files: Mapping[str, bytes], mode: RepositoryMode, chance: Random, *, again: bool) -> list[_Hiding]:
    """The files of one judgement; after the first one, only tests that must pass."""
    found, wanted = [], mode.needed if again else mode.nodes
    for path in mode.files:
        nodes = frozenset(node for node in wanted if node.startswith(f"{path}::"))
        if not nodes and path not in mode.whole:
            continue
        seen = mode.seen.get(path, {})
        variants: dict[str, Collection[int]] = {**mode.twins.get(path, {}), **seen}
        twins = {name: chosen(some, chance) for name, some in variants.items()}

        def made(
            name: str, node: TestNode, some: Sequence[int], seen: Mapping[str, Mapping[int, str]] = seen
        ) -> list[TestNode]:
            return wrong_twins(node, seen[name], some, chance) if name in seen else twins_of(name, node, some)

        hidden = disguise(files[path].decode("utf-8", "replace"), twins, chance, made) if twins else None
        names = {name_of(node) for node in nodes}
        only = frozenset(_shown(names, hidden) if hidden else names) if again else None
        found.append(_Hiding(Job(path, only=only), hidden, nodes))
    return found


def _shown(names: set[str], hidden: Disguised) -> Iterator[str]:
    """Names under which these tests and their twins run."""
    yield from (new for new, name in hidden.real.items() if name in names)
    for new, (name, _) in hidden.variants.items():
        owner, test = new.rpartition("::")[0], name.rpartition("::")[2]
        if (f"{owner}::{test}" if owner else test) in names:
            yield new


def _judged(runs: Mapping[_Hiding, TestRun], case: RepositoryCase, mode: RepositoryMode) -> Judged:
    said = Judged("passed")
    results = {id(run.result): run.result for run in runs.values() if run.result is not None}
    said.cpu_s = sum(one.cpu_s for one in results.values())
    said.wall_s = max((one.wall_s for one in results.values()), default=0.0)
    for hiding, run in runs.items():
        assert run.result is not None
        said.died = said.died or run.died or killed_by_nobody(run.result)
        said.tripped |= run.tripped - mode.tripped
        if run.timed_out:
            said.outcome, said.cpu_s, said.wall_s = "timeout", run.result.cpu_s, run.result.wall_s
            said.detail = f"{hiding.job.path} took more than {case.timeout_s:g} s of CPU, or slept too long"
            return said
        outcome, detail = _read(run, hiding, mode)
        if said.outcome == "passed" or outcome == "tampered":
            said.outcome, said.detail = outcome, detail
        if outcome == "tampered":
            return said
    return said


def _read(run: TestRun, hiding: _Hiding, mode: RepositoryMode) -> tuple[Outcome, str]:
    path, hidden = hiding.job.path, hiding.hidden
    passed = {_own_name(node, hidden) for node in run.passed}
    lacking = sorted(hiding.nodes - passed)
    if path in mode.whole and not run.passes_whole:
        lacking = sorted(run.failures.keys() - run.skipped) or [path]
    fooled = {name for node in run.passed if (name := _fooled(node, path, mode, hidden)) is not None}
    if fooled and not lacking:
        return "tampered", f"{path}: passed with wrong expectations, too: {', '.join(sorted(fooled)[:3])}"
    if lacking:
        failures = {_own_name(node, hidden): text for node, text in run.failures.items()}
        return "failed", f"{lacking[0]}: {failures.get(lacking[0], 'it was not run to its end')}"
    if not run.done:
        return "error", f"{path}: pytest did not come to its end"
    return "passed", ""


def _fooled(node: str, path: str, mode: RepositoryMode, hidden: Disguised | None) -> str | None:
    """The test whose twin this node is, if it must fail."""
    name, bracket, parameters = node.partition("::")[2].partition("[")
    if hidden is None or name not in hidden.variants:
        return None
    test, variant = hidden.variants[name]
    if test in mode.seen.get(path, {}):
        return test
    return test if bracket + parameters in mode.twins[path][test][variant] else None


def _own_name(node: str, hidden: Disguised | None) -> str:
    """The case's node id for a renamed test; a twin's stays."""
    path, _, rest = node.partition("::")
    name, bracket, parameters = rest.partition("[")
    real = hidden.real.get(name) if hidden is not None else None
    return f"{path}::{real}{bracket}{parameters}" if real is not None else node
