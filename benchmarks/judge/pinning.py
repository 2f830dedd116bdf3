"""Find how a repository case is judged: the tests that must pass, and the strongest mode.

The case's own patch must pass and the base must fail. Tests that can be isolated from the package are
(`isolated_check`); the others are judged among twins (`twin_search`).
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import get_args

from benchmarks.judge.apart_search import with_apart_twins
from benchmarks.judge.candidate_tree import base_tree, case_tests, gold_tree
from benchmarks.judge.helper_modules import helper_modules, unchanged_data
from benchmarks.judge.imported import missing_packages
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart
from benchmarks.judge.mode import RepositoryMode, Tool, files_of
from benchmarks.judge.pytest_report import TestRun
from benchmarks.judge.pytest_run import Job, run_jobs
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.twin_mode import with_twins
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from sandbox import CheckReport, Sandbox

_NO_PYTEST = "the interpreter has no pytest, which its tests need: install it, or name one: --python"
_BASE_PASSES = "the base passes already, without any patch"
_APART_FACTOR, _APART_MORE_S = 1.0, 2.0
"""CPU seconds of an isolated run of the tests: multiple of their own time, and seconds for pytest."""
_TRIES = 3
"""Tries of the case's own patch among twins: again with its alarms allowed, again without isolated tests."""


async def find_repository_mode(sandbox: Sandbox, opened: Open | None, case: RepositoryCase) -> RepositoryMode:
    """The strongest mode for a case; `opened` is None if only the interpreter in `sandbox` can run it."""
    if case.gold_patch is None:
        return await _without_gold(sandbox, case)
    try:
        gold = gold_tree(case)
    except PatchRefused as error:
        return _broken(f"the case's own patch doesn't fit: {error}")
    pinned, seconds = await _pin(sandbox, case, gold)
    if pinned.how == "broken":
        return pinned
    # Each keeps one processor busy. Where the first isolated tests pass, most often no twins are needed.
    searching = asyncio.create_task(with_twins(sandbox, case, gold, pinned, seconds))
    try:
        apart = await _isolated(opened, case, gold, pinned, seconds, on_pass=searching.cancel)
        if apart.how == "isolated":
            return apart
        await asyncio.wait([searching])
        ended = searching.cancelled()
        found = await with_twins(sandbox, case, gold, pinned, seconds) if ended else searching.result()
    finally:
        searching.cancel()
        await asyncio.gather(searching, return_exceptions=True)
    of_apart = {"apart": apart.apart, "uses": apart.uses, "helpers": apart.helpers}
    mode = found.model_copy(update={**of_apart, "reason": found.reason or apart.reason})
    return await _passed_among_twins(mode, sandbox, opened, case)


async def _isolated(
    opened: Open | None,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    seconds: Mapping[str, float],
    *,
    on_pass: Callable[[], object],
) -> RepositoryMode:
    """The mode with isolated tests, all or some, and in the second case why not all.

    `on_pass` is called when the first ones pass.
    """
    if opened is None:
        reason = "its tests have another Python than the one on their image's PATH"
        return pinned.model_copy(update={"reason": reason})
    longest = _APART_FACTOR * sum(seconds.values()) + _APART_MORE_S
    tried = pinned
    for helpers in dict.fromkeys((helper_modules(case), ())):
        tried = pinned.model_copy(update={"helpers": helpers})
        tried = await _decided_apart(opened, case, gold, tried, longest, on_pass)
        if tried.how == "isolated":
            return await with_apart_twins(opened, case, gold, tried, longest)
    return tried


async def _decided_apart(
    opened: Open,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    longest: float,
    on_pass: Callable[[], object],
) -> RepositoryMode:
    """The mode with isolated tests, and the reason why not all are.

    Runs the files of tests that the base fails first, then all, as an answer would be judged, up to the first
    failure of a test that must pass.

    Args:
        longest: CPU seconds for each run; a longer one recorded only some uses and is discarded.
    """
    reports: list[CheckReport] = []
    for paths in dict.fromkeys(tuple(files_of(nodes)) for nodes in (pinned.needed, pinned.nodes)):
        report = await run_apart(
            opened,
            case,
            gold,
            paths,
            helpers=pinned.helpers,
            needed=pinned.nodes if reports else (),
            longest=longest,
        )
        if report is None or not (report.ended or report.decided):
            break
        reports.append(report)
        lasting = {node for node in pinned.nodes if node.partition("::")[0] in paths}
        if not passed_apart(report.results).issuperset(lasting):
            break
        on_pass()
    last = passed_apart(reports[-1].results) if reports else set[str]()
    lacking = [node for node in pinned.nodes if node not in last]
    uses = unchanged_data(case, frozenset[str]().union(*(one.uses for one in reports)))
    pinned = pinned.model_copy(update={"uses": uses})
    if not lacking:
        return pinned.model_copy(update={"how": "isolated"})
    passed = {name for report in reports for name in passed_apart(report.results)}
    messages = {one.name: one.message for report in reports for one in report.results if not one.passed}
    first = next((node for node in lacking if node in messages), lacking[0])
    why = messages.get(first, "it takes too long, or there is no package that could be called apart")
    reason = f"{first} can't be decided apart: {''.join(why.strip().splitlines()[-1:])}"[:500]
    apart = tuple(node for node in pinned.needed if node in passed)
    return pinned.model_copy(update={"apart": apart, "reason": reason})


async def _passed_among_twins(
    mode: RepositoryMode, sandbox: Sandbox, opened: Open | None, case: RepositoryCase
) -> RepositoryMode:
    """The mode once the case's own patch passes in it; without twins if it doesn't."""
    if not any(mode.twins.values()) and not any(mode.seen.values()):
        return mode
    once = {"rounds": 1}  # the others run fewer of the same tests
    for _ in range(_TRIES):
        tried = mode.model_copy(update=once)
        judged = await judge_repository(sandbox, opened, case, case.gold_patch or "", tried)
        tripped = mode.tripped | {*judged.tripped}
        if judged.outcome == "passed":
            return mode
        if judged.outcome != "suspicious" or (tripped == mode.tripped and not mode.apart):
            break
        apart = mode.apart if tripped > mode.tripped else ()
        mode = mode.model_copy(update={"tripped": tripped, "apart": apart})
    # Its own patch depends on test order: random orders would make verdicts random.
    reason = f"its own patch fails among twins: {judged.detail}"[:500]
    return mode.model_copy(update={"how": "plain", "twins": {}, "reason": reason})


async def _without_gold(sandbox: Sandbox, case: RepositoryCase) -> RepositoryMode:
    """Mode without a gold patch: the tests that the case names, or all of its hidden ones."""
    reason, named = "it has no patch of its own", (*case.fail_to_pass, *case.pass_to_pass)
    if await missing_packages(sandbox, ("pytest",), case.environment):
        return _broken(_NO_PYTEST)
    if named:
        return RepositoryMode(how="plain", nodes=named, tool="rewriting", reason=reason)
    tree = base_tree(case)
    paths = _hidden_files(case)
    if not paths:
        return _broken(f"{reason}, names no tests, and has no hidden ones")
    runs = await run_jobs(sandbox, case, tree, [Job(path) for path in paths], tool="rewriting")
    if all(run.passes_whole for run in runs):
        return _broken(_BASE_PASSES)
    reason += " and names no tests: all of its hidden ones have to pass"
    return RepositoryMode(how="plain", whole=tuple(paths), tool="rewriting", reason=reason)


def _hidden_files(case: RepositoryCase) -> list[str]:
    tests = case_tests(case)
    return [path for path in case.hidden_tests if path in tests and path.endswith(".py")]


async def _pin(
    sandbox: Sandbox, case: RepositoryCase, gold: Mapping[str, bytes]
) -> tuple[RepositoryMode, dict[str, float]]:
    """Nodes that must pass, named by the case or passed by its own patch, with their seconds."""
    named = (*case.fail_to_pass, *case.pass_to_pass)
    paths = files_of(named) or _hidden_files(case)
    base, jobs, why, has_begun = base_tree(case), [Job(path) for path in paths], "", False
    failing = [Job(path) for path in files_of(case.fail_to_pass) or paths]
    for tool in get_args(Tool):
        of_gold, of_base = await asyncio.gather(
            run_jobs(sandbox, case, gold, jobs, tool=tool),
            run_jobs(sandbox, case, base, failing, tool=tool),
        )
        passed = _passed(of_gold)
        nodes = named or tuple(sorted(passed))
        # Where the case names no tests, one that needs rewritten assertions must not be lost.
        is_whole = bool(named) or tool != "plain" or all(run.passes_whole for run in of_gold)
        if is_whole and nodes and passed.issuperset(nodes):
            needed = tuple(node for node in case.fail_to_pass or nodes if node not in _passed(of_base))
            if not needed:
                return _broken(_BASE_PASSES), {}
            tripped = frozenset[str]().union(*(run.tripped for run in of_gold))
            seconds = {node: took for run in of_gold for node, took in run.seconds.items()}
            pinned = RepositoryMode(how="plain", nodes=nodes, needed=needed, tool=tool, tripped=tripped)
            of_files = {path: run.expected_s for path, run in zip(paths, of_gold, strict=True)}
            return pinned.model_copy(update={"seconds": of_files}), seconds
        why = why or _why(dict(zip(paths, of_gold, strict=True)), sorted(set(named) - passed))
        has_begun = any(run.seen for run in of_gold)
    reason = f"the case's own patch fails: {why}"
    if not has_begun and await missing_packages(sandbox, ("pytest",), case.environment):
        reason = _NO_PYTEST
    elif lacks := await missing_packages(sandbox, case.dependencies, case.environment):
        reason = (
            f"the interpreter has no {', '.join(lacks)}, which the case says it needs, and {reason} "
            "(give an interpreter that has them: --python)"
        )
    return _broken(reason), {}


def _passed(runs: Iterable[TestRun]) -> set[str]:
    return {node for run in runs if run.done for node in run.passed}


def _broken(reason: str) -> RepositoryMode:
    return RepositoryMode(how="broken", reason=reason)


def _why(runs: Mapping[str, TestRun], lacking: Sequence[str]) -> str:
    """The first failure of a missing node, else of any."""
    failures = {node: text for run in runs.values() for node, text in run.failures.items()}
    if node := next((one for one in (*lacking, *failures) if one in failures), None):
        return f"{node}: {failures[node][-200:]}"
    for path, run in runs.items():
        if not run.done and run.result is not None:
            return f"{path}: {(run.result.stderr or run.result.stdout).strip()[-300:]}"
    return f"{lacking[0]} wasn't run" if lacking else "no test passed"
