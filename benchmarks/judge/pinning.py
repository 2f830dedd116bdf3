"""Find how a repository case is judged: the tests that must pass, and the strongest mode.

The case's own patch must pass and the base must fail. Tests that can be isolated from the package are
(`isolated_check`); the others are judged among twins (`twin_search`).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from secrets import randbits
from typing import get_args

from benchmarks.judge.candidate_tree import base_tree, case_tests, gold_tree
from benchmarks.judge.helper_modules import helper_modules
from benchmarks.judge.imported import missing_packages
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart
from benchmarks.judge.logged_tests import find_logged_mode
from benchmarks.judge.mode import RepositoryMode, Tool, files_of
from benchmarks.judge.pytest_report import TestRun
from benchmarks.judge.pytest_run import PytestRun, run_jobs
from benchmarks.judge.repository import judge_repository
from benchmarks.judge.twin_mode import add_twins
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from sandbox import CheckReport, Sandbox

_NO_PYTEST = "the interpreter has no pytest, which its tests need: install it, or name one: --python"
_BASE_PASSES = "the base passes already, without any patch"
_APART_FACTOR, _APART_MORE_S = 1.0, 2.0
"""CPU limit of an isolated run: multiple of the tests' time, plus seconds for pytest."""
_MAX_TRIES = 3
"""Try the case's own patch among twins: first unchanged, then with its alarms, then without isolation."""


async def find_repository_mode(sandbox: Sandbox, opened: Open | None, case: RepositoryCase) -> RepositoryMode:
    """Find the strongest mode of a case; `opened` is None if only the Python in `sandbox` can run tests."""
    if case.runner != "pytest":
        return await find_logged_mode(sandbox, case)
    if case.gold_patch is None:
        return await _without_gold(sandbox, case)
    try:
        gold = gold_tree(case)
    except PatchRefused as error:
        return _broken(f"the case's own patch doesn't fit: {error}")
    pinned, seconds = await _find_nodes(sandbox, case, gold)
    if pinned.how == "broken":
        return pinned
    apart_mode = await _find_isolated_mode(opened, case, gold, pinned, seconds)
    if apart_mode.how == "isolated":
        return apart_mode
    twin_mode = await add_twins(sandbox, case, gold, pinned, seconds)
    fields = {
        "apart": apart_mode.apart,
        "uses": apart_mode.uses,
        "helpers": apart_mode.helpers,
    }
    mode = twin_mode.model_copy(update={**fields, "reason": twin_mode.reason or apart_mode.reason})
    return await _confirm_among_twins(mode, sandbox, opened, case)


async def _find_isolated_mode(
    opened: Open | None,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    seconds: Mapping[str, float],
) -> RepositoryMode:
    """Find the mode with isolated tests; if some tests can't be isolated, the mode has the reason."""
    if opened is None:
        reason = "its tests have another Python than the one on their image's PATH"
        return pinned.model_copy(update={"reason": reason})
    longest = _APART_FACTOR * sum(seconds.values()) + _APART_MORE_S
    mode = pinned
    for helpers in dict.fromkeys((helper_modules(case), ())):
        mode = pinned.model_copy(update={"helpers": helpers, "seed": 1 + randbits(32)})
        mode = await _try_isolated(opened, case, gold, mode, longest)
        if mode.how == "isolated":
            return mode
    return mode


async def _try_isolated(
    opened: Open,
    case: RepositoryCase,
    gold: Mapping[str, bytes],
    pinned: RepositoryMode,
    longest: float,
) -> RepositoryMode:
    """Find the mode with isolated tests, and the reason if some tests can't be isolated.

    Runs first the files of tests that the base fails, then all files as for an answer, up to the first
    failure of a test that must pass.

    Args:
        longest: maximum CPU seconds of each run; a longer run recorded only some uses and is discarded.
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
            seed=pinned.seed,
        )
        if report is None or not (report.ended or report.decided):
            break
        reports.append(report)
        file_nodes = {node for node in pinned.nodes if node.partition("::")[0] in paths}
        if not passed_apart(report.results).issuperset(file_nodes):
            break
    last_passed = passed_apart(reports[-1].results) if reports else set[str]()
    missing_nodes = [node for node in pinned.nodes if node not in last_passed]
    uses = frozenset[str]().union(*(report.uses for report in reports))
    pinned = pinned.model_copy(update={"uses": uses})
    if not missing_nodes:
        return pinned.model_copy(update={"how": "isolated", "exchanged": reports[-1].exchanged})
    passed = {name for report in reports for name in passed_apart(report.results)}
    messages = {
        result.name: result.message for report in reports for result in report.results if not result.passed
    }
    first_missing = next((node for node in missing_nodes if node in messages), missing_nodes[0])
    message = messages.get(
        first_missing, "it takes too long, or there is no package that could be called apart"
    )
    reason = f"{first_missing} can't be decided apart: {''.join(message.strip().splitlines()[-1:])}"[:500]
    isolated_nodes = tuple(node for node in pinned.needed if node in passed)
    return pinned.model_copy(update={"apart": isolated_nodes, "reason": reason})


async def _confirm_among_twins(
    mode: RepositoryMode, sandbox: Sandbox, opened: Open | None, case: RepositoryCase
) -> RepositoryMode:
    """Return the mode in which the case's own patch passes among twins; a plain mode if it fails."""
    if not any(mode.twins.values()) and not any(mode.seen.values()):
        return mode
    one_round = {"rounds": 1}  # the others run fewer of the same tests
    for _ in range(_MAX_TRIES):
        trial_mode = mode.model_copy(update=one_round)
        draft = await judge_repository(sandbox, opened, case, case.gold_patch or "", trial_mode)
        tripped = mode.tripped | {*draft.tripped}
        if draft.outcome == "passed":
            return mode
        if draft.outcome != "suspicious" or (tripped == mode.tripped and not mode.apart):
            break
        isolated_nodes = mode.apart if tripped > mode.tripped else ()
        mode = mode.model_copy(update={"tripped": tripped, "apart": isolated_nodes})
    # Its own patch depends on test order: random orders would make verdicts random.
    reason = f"its own patch fails among twins: {draft.detail}"[:500]
    return mode.model_copy(update={"how": "plain", "twins": {}, "reason": reason})


async def _without_gold(sandbox: Sandbox, case: RepositoryCase) -> RepositoryMode:
    """Find the mode without a gold patch: the tests that the case names, or all hidden tests."""
    reason, node_ids = "it has no patch of its own", (*case.fail_to_pass, *case.pass_to_pass)
    if await missing_packages(sandbox, ("pytest",), case.environment):
        return _broken(_NO_PYTEST)
    if node_ids:
        return RepositoryMode(how="plain", nodes=node_ids, tool="rewriting", reason=reason)
    tree = base_tree(case)
    paths = _hidden_files(case)
    if not paths:
        return _broken(f"{reason}, names no tests, and has no hidden ones")
    runs = await run_jobs(sandbox, case, tree, [PytestRun(path) for path in paths], tool="rewriting")
    if all(run.passes_whole for run in runs):
        return _broken(_BASE_PASSES)
    reason += " and names no tests: all of its hidden ones have to pass"
    return RepositoryMode(how="plain", whole=tuple(paths), tool="rewriting", reason=reason)


def _hidden_files(case: RepositoryCase) -> list[str]:
    tests = case_tests(case)
    return [path for path in case.hidden_tests if path in tests and path.endswith(".py")]


async def _find_nodes(
    sandbox: Sandbox, case: RepositoryCase, gold: Mapping[str, bytes]
) -> tuple[RepositoryMode, dict[str, float]]:
    """Find the nodes that must pass, named by the case or by a run of its own patch, and their durations."""
    node_ids = (*case.fail_to_pass, *case.pass_to_pass)
    paths = files_of(node_ids) or _hidden_files(case)
    tree, jobs, failure, has_begun = base_tree(case), [PytestRun(path) for path in paths], "", False
    failing = [PytestRun(path) for path in files_of(case.fail_to_pass) or paths]
    for tool in get_args(Tool):
        gold_runs, base_runs = await asyncio.gather(
            run_jobs(sandbox, case, gold, jobs, tool=tool),
            run_jobs(sandbox, case, tree, failing, tool=tool),
        )
        passed = _passed_nodes(gold_runs)
        skipped = _skipped_nodes(gold_runs, set(case.pass_to_pass) - passed)
        nodes = tuple(node for node in node_ids if node not in skipped) or tuple(sorted(passed))
        # Where the case names no tests, one that needs rewritten assertions must not be lost.
        is_whole = bool(node_ids) or tool != "plain" or all(run.passes_whole for run in gold_runs)
        if is_whole and nodes and passed.issuperset(nodes):
            needed = tuple(
                node for node in case.fail_to_pass or nodes if node not in _passed_nodes(base_runs)
            )
            if not needed:
                return _broken(_BASE_PASSES), {}
            tripped = frozenset[str]().union(*(run.tripped for run in gold_runs))
            seconds = {node: node_s for run in gold_runs for node, node_s in run.seconds.items()}
            pinned = RepositoryMode(
                how="plain", nodes=nodes, needed=needed, skipped=skipped, tool=tool, tripped=tripped
            )
            file_seconds = {path: run.expected_s for path, run in zip(paths, gold_runs, strict=True)}
            return pinned.model_copy(update={"seconds": file_seconds}), seconds
        failure = failure or _first_failure(
            dict(zip(paths, gold_runs, strict=True)), sorted(set(node_ids) - passed)
        )
        has_begun = any(run.seen for run in gold_runs)
    reason = f"the case's own patch fails: {failure}"
    if not has_begun and await missing_packages(sandbox, ("pytest",), case.environment):
        reason = _NO_PYTEST
    elif missing := await missing_packages(sandbox, case.dependencies, case.environment):
        reason = (
            f"the interpreter has no {', '.join(missing)}, which the case says it needs, and {reason} "
            "(give an interpreter that has them: --python)"
        )
    return _broken(reason), {}


def _passed_nodes(runs: Iterable[TestRun]) -> set[str]:
    return {node for run in runs if run.done for node in run.passed}


def _skipped_nodes(runs: Iterable[TestRun], nodes: Iterable[str]) -> tuple[str, ...]:
    """Return the nodes that were skipped, by themselves or with their files."""
    skips = {node for run in runs if run.done for node in run.skips}
    return tuple(sorted(node for node in nodes if not skips.isdisjoint((node, node.partition("::")[0]))))


def _broken(reason: str) -> RepositoryMode:
    return RepositoryMode(how="broken", reason=reason)


def _first_failure(runs: Mapping[str, TestRun], missing_nodes: Sequence[str]) -> str:
    """Return the first failure of a missing node, else of any node."""
    failures = {node: text for run in runs.values() for node, text in run.failures.items()}
    if node := next((candidate for candidate in (*missing_nodes, *failures) if candidate in failures), None):
        return f"{node}: {failures[node][-200:]}"
    for path, run in runs.items():
        if not run.done and run.result is not None:
            return f"{path}: {(run.result.stderr or run.result.stdout).strip()[-300:]}"
    return f"{missing_nodes[0]} wasn't run" if missing_nodes else "no test passed"
