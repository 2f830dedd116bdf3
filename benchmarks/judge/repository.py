"""Judge a patch by its case's hidden tests: isolated if possible, else among decoys, else plainly."""

import asyncio
from collections.abc import Sequence

from benchmarks.judge.among_twins import cancel, judge_together
from benchmarks.judge.apart_search import find_fooled_tests
from benchmarks.judge.candidate_tree import Tree, candidate_tree, gold_tree
from benchmarks.judge.helper_modules import has_changed_helpers
from benchmarks.judge.imported import installed_modules
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart, top_modules
from benchmarks.judge.mode import RepositoryMode, files_of
from benchmarks.judge.verdicts import Judged
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from sandbox import Sandbox
from sandbox.result import out_of_time
from sandbox.verdicts.run_report import ANY_COMPARISON


async def judge_repository(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, patch: str, mode: RepositoryMode
) -> Judged:
    """Judge one answer, which is a unified diff."""
    try:
        tree = await _permitted_tree(sandbox, case, patch)
    except PatchRefused as error:
        return Judged("error", f"the patch can't be applied: {error}")
    if mode.how == "isolated":
        judged = await _judge_isolated(opened, case, tree, mode, mode.nodes)
    else:
        judged = await _together_and_apart(sandbox, opened, case, tree, mode)
    if judged.outcome != "passed" and tree.kept_out:
        judged.detail += f" (left as the case has them: {', '.join(tree.kept_out[:5])})"
    judged.died = judged.died and judged.outcome != "passed"
    return judged


async def _together_and_apart(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, tree: Tree, mode: RepositoryMode
) -> Judged:
    """Judge in one process; concurrently, tests that can be isolated must also pass isolated."""
    isolated_task = (
        asyncio.create_task(_judge_isolated(opened, case, tree, mode, mode.apart)) if mode.apart else None
    )
    try:
        judged = await judge_together(sandbox, case, tree, mode)
        if isolated_task is not None and judged.outcome == "passed":
            isolated = await isolated_task
            judged.outcome, judged.detail, judged.strength = (
                isolated.outcome,
                isolated.detail,
                isolated.strength,
            )
            judged.cpu_s += isolated.cpu_s
            if isolated.outcome in ("failed", "error"):
                summary = "it passed beside the tests, and apart from them not"
                judged.outcome, judged.detail = "suspicious", f"{summary}: {isolated.detail}"
        return judged
    finally:
        await cancel([isolated_task] if isolated_task is not None else [])


async def _permitted_tree(sandbox: Sandbox, case: RepositoryCase, patch: str) -> Tree:
    """Return the tree to judge, without new modules that shadow installed modules. Raises PatchRefused."""
    tree = candidate_tree(case, patch)
    pristine = gold_tree(case)
    added = {path: content for path, content in tree.files.items() if path not in {**case.files, **pristine}}
    if not (new_modules := {*top_modules(added, case)} - {*top_modules(pristine, case)}):
        return tree
    installed = await installed_modules(sandbox, sorted(new_modules), case.environment)
    return candidate_tree(case, patch, installed=installed) if installed else tree


async def _judge_isolated(
    opened: Open | None, case: RepositoryCase, tree: Tree, mode: RepositoryMode, nodes: Sequence[str]
) -> Judged:
    """Judge with the tests in one sandbox and the tested package in another."""
    assert opened is not None
    judged, refused = await _judge_isolated_once(opened, case, tree, mode, nodes)
    weakness = ""
    if judged.outcome == "failed" and "comparisons" in refused:
        probing_mode = mode.model_copy(update={"uses": (mode.uses or frozenset()) | {ANY_COMPARISON}})
        permissive, more_refused = await _judge_isolated_once(opened, case, tree, probing_mode, nodes)
        if permissive.outcome == "passed":
            weakness, judged, refused, mode = (
                f"its own operators decide: {judged.detail}",
                permissive,
                more_refused,
                probing_mode,
            )
    if data := sorted(item.partition(" ")[2] for item in refused if item.startswith("data ")):
        weakness = f"the tests read what it changes and the case's own patch doesn't: {', '.join(data[:3])}"
    changed = "changes" in refused
    if judged.outcome == "passed" and mode.helpers and has_changed_helpers(case, tree.files, mode.helpers):
        mode_without_helpers = mode.model_copy(
            update={"helpers": ()}
        )  # the patch's own ones have to pass, too
        judged, more_refused = await _judge_isolated_once(opened, case, tree, mode_without_helpers, nodes)
        changed = changed or "changes" in more_refused
    if judged.outcome == "passed" and changed:
        # It changed arguments that the case's own patch leaves: it must also pass where that is visible.
        cpu_s = judged.cpu_s
        judged, _ = await _judge_isolated_once(opened, case, tree, mode, nodes, shows_changes=True)
        judged.cpu_s += cpu_s
    if judged.outcome == "passed" and mode.how == "isolated":
        fooled = await find_fooled_tests(opened, case, tree, mode)
        if fooled:
            detail = f"passed with wrong expectations, too: {', '.join(sorted(fooled)[:3])}"
            judged.outcome, judged.detail = "tampered", detail
    if judged.outcome == "passed" and weakness:
        judged.strength, judged.detail = "weaker", weakness
    return judged


async def _judge_isolated_once(
    opened: Open,
    case: RepositoryCase,
    tree: Tree,
    mode: RepositoryMode,
    nodes: Sequence[str],
    *,
    shows_changes: bool = False,
) -> tuple[Judged, frozenset[str]]:
    """Judge isolated once; also return what was refused: `changes` if tests missed changes of arguments."""
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
    required = set(nodes)
    passed = required <= passed_apart(report.results)
    if out_of_time(report.candidate) or (report.timed_out and not passed):
        message = f"it took more than {case.timeout_s:g} s of CPU, or slept too long"
        return Judged("timeout", message, cpu_s), frozenset()
    if passed:
        return Judged("passed", "", cpu_s), report.refused | ({"changes"} if report.changed else frozenset())
    failures = [result for result in report.results if not result.passed]
    failure = next((item for item in failures if item.name in required), failures[0] if failures else None)
    detail = f"{failure.name}: {failure.message}" if failure else f"not run: {report.note}"
    return Judged("failed", detail, cpu_s), report.refused
