"""Judge a patch by its case's hidden tests: isolated if possible, else among decoys, else plainly."""

import asyncio
from collections.abc import Sequence

from benchmarks.judge.among_twins import cancel, judge_together
from benchmarks.judge.apart_search import find_fooled_tests
from benchmarks.judge.candidate_tree import Tree, candidate_tree, gold_tree
from benchmarks.judge.helper_modules import has_changed_helpers
from benchmarks.judge.imported import installed_modules
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart, top_modules
from benchmarks.judge.logged_tests import judge_by_log
from benchmarks.judge.mode import RepositoryMode, files_of
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from coder.run.verdict_words import join_names
from sandbox import Sandbox
from sandbox.result import out_of_time
from sandbox.verdicts.run_report import ANY_COMPARISON


async def judge_repository(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, patch: str, mode: RepositoryMode
) -> DraftVerdict:
    """Judge one answer, which is a unified diff."""
    try:
        tree = await _permitted_tree(sandbox, case, patch)
    except PatchRefused as error:
        return DraftVerdict("error", f"the patch can't be applied: {error}")
    if case.runner != "pytest":
        draft = await judge_by_log(sandbox, case, tree, mode)
    elif mode.how == "isolated":
        draft = await _judge_isolated(opened, case, tree, mode, mode.nodes)
    else:
        draft = await _together_and_apart(sandbox, opened, case, tree, mode)
    remarks = {
        "left as the case has them": tree.kept_out if draft.outcome != "passed" else (),
        "left out, as the patch has no content of them": tree.stubs,
        "skipped here with the case's own patch, too": mode.skipped,
    }
    for remark, names in remarks.items():
        draft.detail += f" ({remark}: {join_names(names, most=5)})" if names else ""
    draft.detail = draft.detail.lstrip()
    draft.died = draft.died and draft.outcome != "passed"
    return draft


async def _together_and_apart(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, tree: Tree, mode: RepositoryMode
) -> DraftVerdict:
    """Judge in one process; concurrently, tests that can be isolated must also pass isolated."""
    isolated_task = (
        asyncio.create_task(_judge_isolated(opened, case, tree, mode, mode.apart)) if mode.apart else None
    )
    try:
        draft = await judge_together(sandbox, case, tree, mode)
        if isolated_task is not None and draft.outcome == "passed":
            isolated = await isolated_task
            draft.outcome, draft.detail, draft.strength = (
                isolated.outcome,
                isolated.detail,
                isolated.strength,
            )
            draft.cpu_s += isolated.cpu_s
            if isolated.outcome in ("failed", "error"):
                summary = "it passed beside the tests, and apart from them not"
                draft.outcome, draft.detail = "suspicious", f"{summary}: {isolated.detail}"
        return draft
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
) -> DraftVerdict:
    """Judge with the tests in one sandbox and the tested package in another."""
    assert opened is not None
    draft, refused = await _judge_isolated_once(opened, case, tree, mode, nodes)
    weakness = ""
    if draft.outcome == "failed" and "comparisons" in refused:
        probing_mode = mode.model_copy(update={"uses": (mode.uses or frozenset()) | {ANY_COMPARISON}})
        permissive, more_refused = await _judge_isolated_once(opened, case, tree, probing_mode, nodes)
        if permissive.outcome == "passed":
            weakness, draft, refused, mode = (
                f"its own operators decide: {draft.detail}",
                permissive,
                more_refused,
                probing_mode,
            )
    if data := sorted(use.partition(" ")[2] for use in refused if use.startswith("data ")):
        weakness = f"the tests read what it changes and the case's own patch doesn't: {', '.join(data[:3])}"
    changed = "changes" in refused
    if draft.outcome == "passed" and mode.helpers and has_changed_helpers(case, tree.files, mode.helpers):
        mode_without_helpers = mode.model_copy(
            update={"helpers": ()}
        )  # the patch's own ones have to pass, too
        draft, more_refused = await _judge_isolated_once(opened, case, tree, mode_without_helpers, nodes)
        changed = changed or "changes" in more_refused
    if draft.outcome == "passed" and changed:
        # It changed arguments that the case's own patch leaves: it must also pass where that is visible.
        cpu_s = draft.cpu_s
        draft, _ = await _judge_isolated_once(opened, case, tree, mode, nodes, shows_changes=True)
        draft.cpu_s += cpu_s
    if draft.outcome == "passed" and mode.how == "isolated":
        fooled = await find_fooled_tests(opened, case, tree, mode)
        if fooled:
            detail = f"passed with wrong expectations, too: {', '.join(sorted(fooled)[:3])}"
            draft.outcome, draft.detail = "tampered", detail
    if draft.outcome == "passed" and weakness:
        draft.strength, draft.detail = "weaker", weakness
    return draft


async def _judge_isolated_once(
    opened: Open,
    case: RepositoryCase,
    tree: Tree,
    mode: RepositoryMode,
    nodes: Sequence[str],
    *,
    shows_changes: bool = False,
) -> tuple[DraftVerdict, frozenset[str]]:
    """Judge once in isolation; also return what was refused, and `changes` if arguments were changed."""
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
        return DraftVerdict("error", "the patch leaves no package to be tested"), frozenset()
    cpu_s = report.candidate.cpu_s + report.checker.cpu_s
    required = set(nodes)
    passed = required <= passed_apart(report.results)
    if out_of_time(report.candidate) or (report.timed_out and not passed):
        message = f"it took more than {case.timeout_s:g} s of CPU, or slept too long"
        return DraftVerdict("timeout", message, cpu_s), frozenset()
    if passed:
        return DraftVerdict("passed", "", cpu_s), report.refused | (
            {"changes"} if report.changed else frozenset()
        )
    failures = [result for result in report.results if not result.passed]
    failure = next(
        (result for result in failures if result.name in required), failures[0] if failures else None
    )
    detail = f"{failure.name}: {failure.message}" if failure else f"not run: {report.note}"
    return DraftVerdict("failed", detail, cpu_s), report.refused
