"""Judge a patch in one process with its tests, among twins that must fail."""

import asyncio
import os
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from random import Random
from zlib import crc32

from benchmarks.judge.alike import Words, project_words
from benchmarks.judge.candidate_tree import Tree
from benchmarks.judge.consistent_twins import wrong_twins
from benchmarks.judge.decoys import Disguised, TestNode, chosen, chosen_inputs, disguise, twins_of
from benchmarks.judge.mode import RepositoryMode, name_of
from benchmarks.judge.pytest_report import TestRun
from benchmarks.judge.pytest_run import Job, run_jobs
from benchmarks.judge.twin_report import Hiding, deciding_name, read_run
from benchmarks.judge.verdicts import Judged, killed_by_nobody, weigh_alarms
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_VALUES_S = 2.0
"""Wall seconds for a failed test that is run again for the values in its message."""


async def judge_together(sandbox: Sandbox, case: RepositoryCase, tree: Tree, mode: RepositoryMode) -> Judged:
    """Run each file in its own process; exactly the real tests must pass.

    Tests that the base fails are judged again with fresh twins, in runs isolated from each other. Where one
    doesn't pass, those that follow are ended.
    """
    chance = secrets.SystemRandom()  # unpredictable from earlier names and orders

    first_turn, words = chance.randrange(2**16), project_words(case.files)

    async def judgement(number: int) -> Judged:
        turn = first_turn + number
        some = {one.job: one for one in _round(tree.files, mode, chance, turn, words, again=number > 0)}
        files = tree.files | {job.path: one.hidden.source.encode() for job, one in some.items() if one.hidden}
        runs = await run_jobs(sandbox, case, files, [*some], tool=mode.tool)
        asserted[number] = [
            (run, one, files) for run, one in zip(runs, some.values(), strict=True) if run.asserted
        ]
        return _judged(dict(zip(some.values(), runs, strict=True)), case, mode)

    asserted: dict[int, list[tuple[TestRun, Hiding, Mapping[str, bytes]]]] = {}
    free = asyncio.Semaphore(os.cpu_count() or 1)

    async def in_turn(number: int) -> Judged:
        async with free:
            return await judgement(number)

    judgements = [asyncio.create_task(in_turn(number)) for number in range(mode.rounds)]
    said, passes, tripped = Judged("passed"), 0, frozenset[str]()
    try:
        for judging in judgements:
            said = await judging
            tripped = said.tripped = said.tripped | tripped
            if said.outcome != "passed":
                break
            passes += 1
    finally:
        await cancel(judgements)
    for run, hiding, files in asserted.get(passes, ()) if mode.tool == "plain" else ():
        said.detail = await _values_in(run, hiding, sandbox, case, files, mode) or said.detail
    if passes and said.outcome in ("failed", "error"):
        only = f"it passed only {passes} of {mode.rounds} judgements"
        said.outcome, said.detail = "suspicious", f"{only}: {said.detail}"
    if said.outcome == "passed" and said.tripped:
        said.outcome, said.detail = "suspicious", weigh_alarms(said.tripped)
    return said


async def cancel(tasks: Iterable[asyncio.Task[Judged]]) -> None:
    """Cancel tasks that have not ended, and wait until their sandboxes are closed."""
    waiting = [task for task in tasks if task.cancel()]
    await asyncio.gather(*waiting, return_exceptions=True)


def _round(
    files: Mapping[str, bytes],
    mode: RepositoryMode,
    chance: Random,
    turn: int,
    project: frozenset[str],
    *,
    again: bool,
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

        source = files[path].decode("utf-8", "replace")
        hidden = disguise(source, twins, chance, made, project) if twins else None
        names = {name_of(node) for node in nodes}
        only = frozenset(_shown(names, hidden) if hidden else names) if again else None

        def decides(node: str, path: str = path, hidden: Disguised | None = hidden) -> bool:
            return deciding_name(node, path, hidden, wanted) is not None

        twins_each = len(hidden.variants) / max(1, len(hidden.real)) if hidden else 0.0
        seconds = 0.0 if again else mode.seconds.get(path, 0.0) * (1 + twins_each)
        found.append(Hiding(Job(path, only=only, decides=decides, seconds=seconds), hidden, nodes))
    return found


def _shown(names: set[str], hidden: Disguised) -> Iterator[str]:
    """Names under which these tests and their twins run."""
    yield from (new for new, name in hidden.real.items() if name in names)
    for new, (name, _) in hidden.variants.items():
        owner, test = new.rpartition("::")[0], name.rpartition("::")[2]
        if (f"{owner}::{test}" if owner else test) in names:
            yield new


async def _values_in(
    run: TestRun,
    hiding: Hiding,
    sandbox: Sandbox,
    case: RepositoryCase,
    files: Mapping[str, bytes],
    mode: RepositoryMode,
) -> str:
    """The detail of a failed assertion with its values, if the test fails again; the verdict stands."""
    names = {name_of(node): _VALUES_S for node in run.failures}
    job = replace(hiding.job, only=frozenset(names), limits=names)
    [again] = await run_jobs(sandbox, case, files, [job], tool="rewriting")
    return "" if again.result else _judged({replace(hiding, job=job): again}, case, mode).detail


def _judged(runs: Mapping[Hiding, TestRun], case: RepositoryCase, mode: RepositoryMode) -> Judged:
    said = Judged("passed")
    results = {id(run.result): run.result for run in runs.values() if run.result is not None}
    said.cpu_s = sum(one.cpu_s for one in results.values())
    said.wall_s = max((one.wall_s for one in results.values()), default=0.0)
    for hiding, run in sorted(runs.items(), key=lambda one: one[1].result is not None):
        if run.result is None:  # a test that must pass has failed, and ended the others
            said.tripped |= run.tripped - mode.tripped
            for node, text in run.failures.items():
                own = deciding_name(node, hiding.job.path, hiding.hidden, hiding.nodes)
                said.outcome, said.detail = "failed", f"{own}: {text}"
                return said
            continue
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
