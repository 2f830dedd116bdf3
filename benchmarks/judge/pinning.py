"""Find how a repository case is judged: the tests that have to pass, and the strongest way to run them."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

from benchmarks.judge.candidate_tree import gold_tree, is_test_path, test_folders
from benchmarks.judge.isolated_check import Open, run_apart
from benchmarks.judge.mutated_tests import with_twins
from benchmarks.judge.packages import missing_packages
from benchmarks.judge.pytest_run import Job, TestRun, run_jobs
from benchmarks.judge.repository_mode import RepositoryMode, files_of
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from sandbox import CheckReport, CheckResult, Sandbox

_NO_PYTEST = "the interpreter has no pytest, which its tests need: install it, or name one: --python"
_BASE_PASSES = "the base passes already, without any patch"
_APART_FACTOR, _APART_MORE_S = 1.0, 4.0
"""Longest wait for tests to be decided apart, by their own time beside each other."""
_ALONE_S = 1.0
"""After so long a wait for them twins are searched for at the same time."""


async def find_repository_mode(sandbox: Sandbox, opened: Open | None, case: RepositoryCase) -> RepositoryMode:
    """The strongest way in which the case's own patch passes.

    Args:
        opened: None where only the interpreter in `sandbox` that the case's environment names can run it.
    """
    named = (*case.fail_to_pass, *case.pass_to_pass)
    if case.gold_patch is None:
        return await _without_gold(sandbox, case, named)
    try:
        gold = gold_tree(case)
    except PatchRefused as error:
        return RepositoryMode(how="broken", reason=f"the case's own patch doesn't fit: {error}")
    if opened is None:
        pinned, seconds = await _pin(sandbox, case, gold, named)
        reason = "its tests have another Python than the one on their image's PATH"
        if pinned.how == "broken":
            return pinned
        return await with_twins(sandbox, case, gold, pinned, seconds, reason=reason)
    pinned, seconds = await _pin(sandbox, case, gold, named)
    if pinned.how == "broken":
        return pinned
    own = sum(seconds.values())
    apart = asyncio.create_task(
        _decided_apart(opened, case, gold, pinned, _APART_FACTOR * own + _APART_MORE_S)
    )
    await asyncio.wait([apart], timeout=_ALONE_S)
    found = None
    try:
        if not apart.done():  # what holds it up is rarely decided apart in the end
            found = asyncio.create_task(with_twins(sandbox, case, gold, pinned, seconds, reason=""))
        reports = await apart
        passed, together = _passed_in(reports), _passed_in(reports[-1:])
        pinned = pinned.model_copy(update={"uses": frozenset[str]().union(*(one.uses for one in reports))})
        lacking = [node for node in pinned.nodes if node not in together]
        if not lacking:
            return pinned.model_copy(update={"how": "isolated"})
        part = {"apart": tuple(node for node in pinned.needed if node in passed), "uses": pinned.uses}
        reason = _not_apart(reports, lacking, pinned)
        if found is None:
            found = asyncio.create_task(with_twins(sandbox, case, gold, pinned, seconds, reason=""))
        mode = await found
        return mode.model_copy(update={**part, "reason": mode.reason or reason})
    finally:
        tasks = [one for one in (apart, found) if one is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _decided_apart(
    opened: Open, case: RepositoryCase, gold: Mapping[str, bytes], pinned: RepositoryMode, longest: float
) -> list[CheckReport]:
    """Reports on the files of the tests that have to be won, and where they all pass, on all, as is judged.

    Args:
        longest: seconds for both; a check that takes longer hasn't told all uses, and is left out.
    """

    async def reports_on(paths: list[str]) -> list[CheckReport]:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest):
                report = await run_apart(opened, case, gold, paths)
                return [report] if report is not None and report.ended else []
        return []

    first, whole = files_of(pinned.needed), files_of(pinned.nodes)
    some = [first] if len(first) == len(whole) else [first, whole]
    deciding, *further = [asyncio.create_task(reports_on(paths)) for paths in some]
    try:
        reports = await deciding
        for task in further if _passed_in(reports).issuperset(pinned.needed) else ():
            reports += await task
        return reports
    finally:
        for task in (deciding, *further):
            task.cancel()
        await asyncio.gather(deciding, *further, return_exceptions=True)


def _not_apart(reports: Sequence[CheckReport], lacking: Sequence[str], pinned: RepositoryMode) -> str:
    messages = {one.name: one.message for report in reports for one in report.results}
    why = messages.get(lacking[0], "it takes too long, or there is no package that could be called apart")
    return (
        f"{len(lacking):,} of {len(pinned.nodes):,} tests can't be decided apart, such as {lacking[0]}: "
        + " ".join(why.strip().splitlines()[-1:])
    )[:500]


def _passed_in(reports: Iterable[CheckReport]) -> set[str]:
    return {name for report in reports for name in passed_apart(report.results)}


async def _without_gold(sandbox: Sandbox, case: RepositoryCase, named: tuple[str, ...]) -> RepositoryMode:
    """By the tests that the case names, or by all of its hidden ones."""
    reason = "it has no patch of its own"
    if await missing_packages(sandbox, ("pytest",), case.environment):
        return RepositoryMode(how="broken", reason=_NO_PYTEST)
    if named:
        return RepositoryMode(how="plain", nodes=named, reason=reason)
    tree = _base_tree(case)
    paths = _hidden_files(case, tree)
    if not paths:
        return RepositoryMode(how="broken", reason=f"{reason}, names no tests, and has no hidden ones")
    runs = await run_jobs(sandbox, case, tree, [Job(path) for path in paths], plugins=False)
    if all(run.passes_whole for run in runs):
        return RepositoryMode(how="broken", reason=_BASE_PASSES)
    reason += " and names no tests: all of its hidden ones have to pass"
    return RepositoryMode(how="plain", whole=tuple(paths), reason=reason)


def _base_tree(case: RepositoryCase) -> dict[str, bytes]:
    return {**case.files, **{path: text.encode() for path, text in case.hidden_tests.items()}}


def _hidden_files(case: RepositoryCase, tree: Mapping[str, bytes]) -> list[str]:
    folders = test_folders(tree)
    return [path for path in case.hidden_tests if is_test_path(path, folders) and path.endswith(".py")]


def passed_apart(results: Iterable[CheckResult]) -> set[str]:
    """Names of tests that were reported passed, and never failed."""
    found: dict[str, bool] = {}
    for one in results:
        found[one.name] = found.get(one.name, True) and one.passed
    return {name for name, passed in found.items() if passed}


async def _pin(
    sandbox: Sandbox, case: RepositoryCase, gold: Mapping[str, bytes], named: tuple[str, ...]
) -> tuple[RepositoryMode, dict[str, float]]:
    """The nodes that have to pass, which the case names or its own patch passes, and their seconds."""
    paths = files_of(named) or _hidden_files(case, gold)
    why = ""
    base = _base_tree(case)
    jobs = [Job(path) for path in paths]
    for plugins in (False, True):
        both = (run_jobs(sandbox, case, tree, jobs, plugins=plugins) for tree in (gold, base))
        of_gold, of_base = await asyncio.gather(*both)
        runs = dict(zip(paths, of_gold, strict=True))
        passed = {node for run in of_gold if run.done for node in run.passed}
        lacking = sorted(set(named) - passed)
        if passed and not lacking:
            nodes = named or tuple(sorted(passed))
            done = {node for run in of_base if run.done for node in run.passed}
            needed = tuple(node for node in case.fail_to_pass or nodes if node not in done)
            if not needed:
                return _broken(_BASE_PASSES)
            tripped = frozenset[str]().union(*(run.tripped for run in of_gold))
            seconds = {node: took for run in of_gold for node, took in run.seconds.items()}
            pinned = RepositoryMode(how="plain", nodes=nodes, needed=needed, plugins=plugins, tripped=tripped)
            return pinned, seconds
        why = why or _why(runs, lacking)
    lacks = await missing_packages(sandbox, case.dependencies, case.environment)
    has_begun = any(run.seen for run in runs.values())
    reason = f"the case's own patch fails: {why}"
    if not has_begun and await missing_packages(sandbox, ("pytest",), case.environment):
        reason = _NO_PYTEST
    elif lacks:
        reason = (
            f"the interpreter has no {', '.join(lacks)}, which the case says it needs, and {reason} "
            "(give an interpreter that has them: --python)"
        )
    return _broken(reason)


def _broken(reason: str) -> tuple[RepositoryMode, dict[str, float]]:
    return RepositoryMode(how="broken", reason=reason), {}


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
