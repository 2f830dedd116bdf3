"""Judge a patch by its case's hidden tests: isolated, else among decoys, else plainly."""

import asyncio
import os
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from random import Random
from zlib import crc32

from benchmarks.judge.alike import Words
from benchmarks.judge.apart_search import fooled_apart
from benchmarks.judge.candidate_tree import Tree, candidate_tree, gold_tree
from benchmarks.judge.consistent_twins import wrong_twins
from benchmarks.judge.decoys import Disguised, TestNode, chosen, chosen_inputs, disguise, twins_of
from benchmarks.judge.helper_modules import changed_helpers
from benchmarks.judge.imported import installed_modules
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart, top_modules
from benchmarks.judge.mode import RepositoryMode, files_of, name_of
from benchmarks.judge.pytest_run import Job, TestRun, run_jobs
from benchmarks.judge.twin_report import Hiding, read_run
from benchmarks.judge.verdicts import Judged, killed_by_nobody, weigh_alarms
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from sandbox import Sandbox
from sandbox.checks.run_report import ANY_COMPARISON
from sandbox.result import out_of_time


async def judge_repository(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, patch: str, mode: RepositoryMode
) -> Judged:
    """Judge one answer."""
    try:
        tree = await _permitted_tree(sandbox, case, patch)
    except PatchRefused as error:
        return Judged("error", f"the patch can't be applied: {error}")
    if mode.how == "isolated":
        judged = await _apart(opened, case, tree, mode, mode.nodes)
    else:
        judged = await _together(sandbox, case, tree, mode)
    if judged.outcome == "passed" and mode.apart:  # isolated tests must pass isolated too
        apart = await _apart(opened, case, tree, mode, mode.apart)
        judged.outcome, judged.detail, judged.strength = apart.outcome, apart.detail, apart.strength
        judged.cpu_s += apart.cpu_s
        if apart.outcome in ("failed", "error"):
            only = "it passed beside the tests, and apart from them not"
            judged.outcome, judged.detail = "suspicious", f"{only}: {apart.detail}"
    if judged.outcome != "passed" and tree.kept_out:
        judged.detail += f" (left as the case has them: {', '.join(tree.kept_out[:5])})"
    judged.died = judged.died and judged.outcome != "passed"
    return judged


async def _permitted_tree(sandbox: Sandbox, case: RepositoryCase, patch: str) -> Tree:
    """The tree to judge, without new modules in the place of installed ones. Raises PatchRefused."""
    tree = candidate_tree(case, patch)
    pristine = gold_tree(case)
    added = {path: content for path, content in tree.files.items() if path not in {**case.files, **pristine}}
    if not (new := {*top_modules(added, case)} - {*top_modules(pristine, case)}):
        return tree
    installed = await installed_modules(sandbox, sorted(new), case.environment)
    return candidate_tree(case, patch, installed=installed) if installed else tree


async def _apart(
    opened: Open | None, case: RepositoryCase, tree: Tree, mode: RepositoryMode, nodes: Sequence[str]
) -> Judged:
    """Judge with the tests in one sandbox and the tested package in another."""
    assert opened is not None
    judged, noted = await _apart_once(opened, case, tree, mode, nodes)
    why = ""
    if judged.outcome == "failed" and "comparisons" in noted:
        probing = mode.model_copy(update={"uses": (mode.uses or frozenset()) | {ANY_COMPARISON}})
        freely, more = await _apart_once(opened, case, tree, probing, nodes)
        if freely.outcome == "passed":
            why, judged, noted, mode = f"its own operators decide: {judged.detail}", freely, more, probing
    if data := sorted(one.partition(" ")[2] for one in noted if one.startswith("data ")):
        why = f"the tests read what it changes and the case's own patch doesn't: {', '.join(data[:3])}"
    changed = "changes" in noted
    if judged.outcome == "passed" and mode.helpers and changed_helpers(case, tree.files, mode.helpers):
        own = mode.model_copy(update={"helpers": ()})  # the patch's own ones have to pass, too
        judged, more = await _apart_once(opened, case, tree, own, nodes)
        changed = changed or "changes" in more
    if judged.outcome == "passed" and changed:
        # It changed arguments that the case's own patch leaves: it must also pass where that is visible.
        cpu_s = judged.cpu_s
        judged, _ = await _apart_once(opened, case, tree, mode, nodes, shows_changes=True)
        judged.cpu_s += cpu_s
    if judged.outcome == "passed" and mode.how == "isolated":
        fooled = await fooled_apart(opened, case, tree, mode)
        if fooled:
            detail = f"passed with wrong expectations, too: {', '.join(sorted(fooled)[:3])}"
            judged.outcome, judged.detail = "tampered", detail
    if judged.outcome == "passed" and why:
        judged.strength, judged.detail = "weaker", why
    return judged


async def _apart_once(
    opened: Open,
    case: RepositoryCase,
    tree: Tree,
    mode: RepositoryMode,
    nodes: Sequence[str],
    *,
    shows_changes: bool = False,
) -> tuple[Judged, frozenset[str]]:
    """One isolated judgement, and what was refused: `changes`, if the tests didn't see some of arguments."""
    report = await run_apart(
        opened,
        case,
        tree.files,
        files_of(nodes),
        uses=mode.uses,
        shows_changes=shows_changes,
        helpers=mode.helpers,
    )
    if report is None:
        return Judged("error", "the patch leaves no package to be tested"), frozenset()
    cpu_s = report.candidate.cpu_s + report.checker.cpu_s
    wanted = set(nodes)
    passed = wanted <= passed_apart(report.results)
    if out_of_time(report.candidate) or (report.timed_out and not passed):
        late = f"it took more than {case.timeout_s:g} s of CPU, or slept too long"
        return Judged("timeout", late, cpu_s), frozenset()
    if passed:
        return Judged("passed", "", cpu_s), report.refused | ({"changes"} if report.changed else frozenset())
    bad = [one for one in report.results if not one.passed]
    first = next((one for one in bad if one.name in wanted), bad[0] if bad else None)
    detail = f"{first.name}: {first.message}" if first else f"not run: {report.note}"
    return Judged("failed", detail, cpu_s), report.refused


async def _together(sandbox: Sandbox, case: RepositoryCase, tree: Tree, mode: RepositoryMode) -> Judged:
    """Run each file in its own process; exactly the real tests must pass.

    Tests that the base fails are judged again with fresh twins, in runs isolated from each other.
    """
    chance = secrets.SystemRandom()  # unpredictable from earlier names and orders

    first_turn = chance.randrange(2**16)

    async def judgement(number: int) -> Judged:
        turn = first_turn + number
        some = {one.job: one for one in _round(tree.files, mode, chance, turn, again=number > 0)}
        files = tree.files | {job.path: one.hidden.source.encode() for job, one in some.items() if one.hidden}
        runs = await run_jobs(sandbox, case, files, [*some], plugins=mode.plugins)
        return _judged(dict(zip(some.values(), runs, strict=True)), case, mode)

    said = await judgement(0)
    done, beside = 1, os.cpu_count() or 1
    while done < mode.rounds and said.outcome == "passed":
        some = (judgement(number) for number in range(done, min(done + beside, mode.rounds)))
        for found in await asyncio.gather(*some):
            said.tripped |= found.tripped
            if said.outcome == "passed":
                found.tripped, said = said.tripped, found
                done += found.outcome == "passed"
        if said.outcome in ("failed", "error"):
            only = f"it passed only {done} of {mode.rounds} judgements"
            said.outcome, said.detail = "suspicious", f"{only}: {said.detail}"
    if said.outcome == "passed" and said.tripped:
        said.outcome, said.detail = "suspicious", weigh_alarms(said.tripped)
    return said


def _round(
    files: Mapping[str, bytes], mode: RepositoryMode, chance: Random, turn: int, *, again: bool
) -> list[Hiding]:
    """The files of one judgement; after the first one, only tests that must pass."""
    found, wanted = [], mode.needed if again else mode.nodes
    for path in mode.files:
        nodes = frozenset(node for node in wanted if node.startswith(f"{path}::"))
        if not nodes and path not in mode.whole:
            continue
        seen = mode.seen.get(path, {})
        variants: dict[str, Collection[int]] = {**mode.twins.get(path, {}), **seen}
        twins = {
            name: (chosen_inputs if name in seen else chosen)(some, chance) for name, some in variants.items()
        }

        def made(
            name: str,
            node: TestNode,
            some: Sequence[int],
            words: Words,
            seen: Mapping[str, Mapping[int, str]] = seen,
        ) -> list[TestNode]:
            if name not in seen:
                return twins_of(name, node, some, words)
            return wrong_twins(node, seen[name], some, words, chance=chance, turn=turn + crc32(name.encode()))

        hidden = disguise(files[path].decode("utf-8", "replace"), twins, chance, made) if twins else None
        names = {name_of(node) for node in nodes}
        only = frozenset(_shown(names, hidden) if hidden else names) if again else None
        found.append(Hiding(Job(path, only=only), hidden, nodes))
    return found


def _shown(names: set[str], hidden: Disguised) -> Iterator[str]:
    """Names under which these tests and their twins run."""
    yield from (new for new, name in hidden.real.items() if name in names)
    for new, (name, _) in hidden.variants.items():
        owner, test = new.rpartition("::")[0], name.rpartition("::")[2]
        if (f"{owner}::{test}" if owner else test) in names:
            yield new


def _judged(runs: Mapping[Hiding, TestRun], case: RepositoryCase, mode: RepositoryMode) -> Judged:
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
        outcome, detail = read_run(run, hiding, mode)
        if said.outcome == "passed" or outcome == "tampered":
            said.outcome, said.detail = outcome, detail
        if outcome == "tampered":
            return said
    return said
