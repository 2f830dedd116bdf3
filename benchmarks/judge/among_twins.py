"""Judge a patch in one process with its tests, which are hidden among twins that must fail."""

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
from benchmarks.judge.decoys import DisguisedFile, TestNode, choose_inputs, choose_twins, disguise, make_twins
from benchmarks.judge.mode import RepositoryMode, name_of
from benchmarks.judge.pytest_report import TestRun
from benchmarks.judge.pytest_run import PytestRun, run_jobs
from benchmarks.judge.twin_report import Hiding, deciding_name, read_run
from benchmarks.judge.verdicts import DraftVerdict, has_unknown_killer, weigh_alarms
from benchmarks.suite import RepositoryCase
from sandbox import Sandbox

_VALUES_S = 2.0
"""Wall time limit for repeating a failed test to get values into its message, in seconds."""


async def judge_together(
    sandbox: Sandbox, case: RepositoryCase, tree: Tree, mode: RepositoryMode
) -> DraftVerdict:
    """Run each file in its own process; exactly the real tests must pass.

    Tests that the base fails are judged again with fresh twins, in runs isolated from each other. The first
    judgement runs alone, as it rejects most wrong patches; if one doesn't pass, those after it are ended.
    """
    chance = secrets.SystemRandom()  # unpredictable from earlier names and orders

    start_turn, words = chance.randrange(2**16), project_words(case.files)

    async def judgement(number: int) -> DraftVerdict:
        turn = start_turn + number
        hiding_by_job = {
            hiding.job: hiding
            for hiding in _hide_tests(tree.files, mode, chance, turn, words, is_repeat=number > 0)
        }
        files = tree.files | {
            job.path: hiding.hidden.source.encode() for job, hiding in hiding_by_job.items() if hiding.hidden
        }
        runs = await run_jobs(sandbox, case, files, [*hiding_by_job], tool=mode.tool)
        asserted[number] = [
            (run, hiding, files)
            for run, hiding in zip(runs, hiding_by_job.values(), strict=True)
            if run.ended_by_assertion
        ]
        return _read_runs(dict(zip(hiding_by_job.values(), runs, strict=True)), case, mode)

    asserted: dict[int, list[tuple[TestRun, Hiding, Mapping[str, bytes]]]] = {}
    slots, has_passed_once = asyncio.Semaphore(os.cpu_count() or 1), asyncio.Event()

    async def in_turn(number: int) -> DraftVerdict:
        if number:
            await has_passed_once.wait()
        async with slots:
            return await judgement(number)

    judgements = [asyncio.create_task(in_turn(number)) for number in range(mode.rounds)]
    draft, pass_count, tripped = DraftVerdict("passed"), 0, frozenset[str]()
    try:
        for judging in judgements:
            draft = await judging
            tripped = draft.tripped = draft.tripped | tripped
            if draft.outcome != "passed":
                break
            pass_count += 1
            has_passed_once.set()
    finally:
        await cancel(judgements)
    for run, hiding, files in asserted.get(pass_count, ()) if mode.tool == "plain" else ():
        draft.detail = await _detail_with_values(run, hiding, sandbox, case, files, mode) or draft.detail
    if pass_count and draft.outcome in ("failed", "error"):
        summary = f"it passed only {pass_count} of {mode.rounds} judgements"
        draft.outcome, draft.detail = "suspicious", f"{summary}: {draft.detail}"
    if draft.outcome == "passed" and draft.tripped:
        draft.outcome, draft.detail = "suspicious", weigh_alarms(draft.tripped)
    return draft


async def cancel(tasks: Iterable[asyncio.Task[DraftVerdict]]) -> None:
    """Cancel tasks that have not ended, and wait until their sandboxes are closed."""
    waiting = [task for task in tasks if task.cancel()]
    await asyncio.gather(*waiting, return_exceptions=True)


def _hide_tests(
    files: Mapping[str, bytes],
    mode: RepositoryMode,
    chance: Random,
    turn: int,
    project: frozenset[str],
    *,
    is_repeat: bool,
) -> list[Hiding]:
    """Return the test files of one judgement with twins; repeats have only tests that the base fails."""
    hidings, nodes_to_pass = [], mode.needed if is_repeat else mode.nodes
    for path in mode.files:
        nodes = frozenset(node for node in nodes_to_pass if node.startswith(f"{path}::"))
        if not nodes and path not in mode.whole:
            continue
        results = mode.seen.get(path, {})
        variants: dict[str, Collection[int]] = {**mode.twins.get(path, {}), **results}
        twins = {
            name: (choose_inputs if name in results else choose_twins)(numbers, chance)
            for name, numbers in variants.items()
        }

        def make_file_twins(
            name: str,
            node: TestNode,
            numbers: Sequence[int],
            words: Words,
            results: Mapping[str, Mapping[int, str]] = results,
        ) -> list[TestNode]:
            if name not in results:
                return make_twins(name, node, numbers, words)
            return wrong_twins(
                node, results[name], numbers, words, chance=chance, turn=turn + crc32(name.encode())
            )

        source = files[path].decode("utf-8", "replace")
        hidden = disguise(source, twins, chance, make_file_twins, project) if twins else None
        names = {name_of(node) for node in nodes}
        only_names = frozenset(_names_in_run(names, hidden) if hidden else names) if is_repeat else None

        def decides(node: str, path: str = path, hidden: DisguisedFile | None = hidden) -> bool:
            return deciding_name(node, path, hidden, nodes_to_pass) is not None

        twins_each = len(hidden.variants) / max(1, len(hidden.real)) if hidden else 0.0
        seconds = 0.0 if is_repeat else mode.seconds.get(path, 0.0) * (1 + twins_each)
        hidings.append(
            Hiding(PytestRun(path, only=only_names, decides=decides, seconds=seconds), hidden, nodes)
        )
    return hidings


def _names_in_run(names: set[str], hidden: DisguisedFile) -> Iterator[str]:
    """Yield the names under which these tests and their twins run."""
    yield from (random_name for random_name, name in hidden.real.items() if name in names)
    for random_name, (name, _) in hidden.variants.items():
        owner, test = random_name.rpartition("::")[0], name.rpartition("::")[2]
        if (f"{owner}::{test}" if owner else test) in names:
            yield random_name


async def _detail_with_values(
    run: TestRun,
    hiding: Hiding,
    sandbox: Sandbox,
    case: RepositoryCase,
    files: Mapping[str, bytes],
    mode: RepositoryMode,
) -> str:
    """Return the detail of a failed assertion with its values, or an empty text if the test now passes."""
    limits = {name_of(node): _VALUES_S for node in run.failures}
    job = replace(hiding.job, only=frozenset(limits), limits=limits)
    [repeat] = await run_jobs(sandbox, case, files, [job], tool="rewriting")
    return "" if repeat.result else _read_runs({replace(hiding, job=job): repeat}, case, mode).detail


def _read_runs(runs: Mapping[Hiding, TestRun], case: RepositoryCase, mode: RepositoryMode) -> DraftVerdict:
    draft = DraftVerdict("passed")
    results = {id(run.result): run.result for run in runs.values() if run.result is not None}
    draft.cpu_s = sum(result.cpu_s for result in results.values())
    draft.wall_s = max((result.wall_s for result in results.values()), default=0.0)
    for hiding, run in sorted(runs.items(), key=lambda item: item[1].result is not None):
        if run.result is None:  # a test that must pass has failed, and ended the others
            draft.tripped |= run.tripped - mode.tripped
            for node, text in run.failures.items():
                node_id = deciding_name(node, hiding.job.path, hiding.hidden, hiding.nodes)
                draft.outcome, draft.detail = "failed", f"{node_id}: {text}"
                return draft
            continue
        draft.died = draft.died or run.died or has_unknown_killer(run.result)
        draft.tripped |= run.tripped - mode.tripped
        if run.timed_out:
            draft.outcome, draft.cpu_s, draft.wall_s = "timeout", run.result.cpu_s, run.result.wall_s
            draft.detail = f"{hiding.job.path} took more than {case.timeout_s:g} s of CPU, or slept too long"
            return draft
        outcome, detail = read_run(run, hiding, mode)
        if draft.outcome == "passed" or outcome == "tampered":
            draft.outcome, draft.detail = outcome, detail
        if outcome == "tampered":
            return draft
    return draft
