"""Judge a patch by its case's hidden tests: isolated, else among decoys, else plainly."""

import asyncio
from collections.abc import Sequence

from benchmarks.judge.among_twins import cancel, judge_together
from benchmarks.judge.apart_search import fooled_apart
from benchmarks.judge.candidate_tree import Tree, candidate_tree, gold_tree
from benchmarks.judge.helper_modules import changed_helpers
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
    """Judge one answer."""
    try:
        tree = await _permitted_tree(sandbox, case, patch)
    except PatchRefused as error:
        return Judged("error", f"the patch can't be applied: {error}")
    if mode.how == "isolated":
        judged = await _apart(opened, case, tree, mode, mode.nodes)
    else:
        judged = await _together_and_apart(sandbox, opened, case, tree, mode)
    if judged.outcome != "passed" and tree.kept_out:
        judged.detail += f" (left as the case has them: {', '.join(tree.kept_out[:5])})"
    judged.died = judged.died and judged.outcome != "passed"
    return judged


async def _together_and_apart(
    sandbox: Sandbox, opened: Open | None, case: RepositoryCase, tree: Tree, mode: RepositoryMode
) -> Judged:
    """Judge in one process; tests that can be isolated must pass isolated too, which is tried meanwhile."""
    beside = asyncio.create_task(_apart(opened, case, tree, mode, mode.apart)) if mode.apart else None
    try:
        judged = await judge_together(sandbox, case, tree, mode)
        if beside is not None and judged.outcome == "passed":
            apart = await beside
            judged.outcome, judged.detail, judged.strength = apart.outcome, apart.detail, apart.strength
            judged.cpu_s += apart.cpu_s
            if apart.outcome in ("failed", "error"):
                only = "it passed beside the tests, and apart from them not"
                judged.outcome, judged.detail = "suspicious", f"{only}: {apart.detail}"
        return judged
    finally:
        await cancel([beside] if beside is not None else [])


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
