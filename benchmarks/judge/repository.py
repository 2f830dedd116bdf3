"""Judge a patch by its case's hidden tests: isolated if possible, else among decoys, else plainly."""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256

from benchmarks.judge.among_twins import cancel, judge_together
from benchmarks.judge.candidate_tree import Tree, candidate_tree, gold_tree
from benchmarks.judge.helper_modules import has_changed_helpers
from benchmarks.judge.imported import installed_modules
from benchmarks.judge.isolated_check import Open, passed_apart, run_apart, top_modules
from benchmarks.judge.logged_tests import judge_by_log
from benchmarks.judge.mode import RepositoryMode, files_of
from benchmarks.judge.verdicts import DraftVerdict
from benchmarks.judge.weighed_patches import OwnTests, find_fooled, find_weakness
from benchmarks.suite import RepositoryCase
from benchmarks.suites.patch import PatchRefused
from coder.run.verdict_words import join_names
from sandbox import CheckReport, Sandbox
from sandbox.result import out_of_time
from sandbox.verdicts.check import WeighedTests
from sandbox.verdicts.run_report import ANY_COMPARISON

KnownOwn = dict[str, OwnTests]
"""What runs of the own patches of cases have shown, by the case's id."""

_TOGETHER_RUNS = 2
"""Runs in one process of which each has to fail: the first may by chance."""


async def judge_repository(
    sandbox: Sandbox,
    opened: Open | None,
    case: RepositoryCase,
    patch: str,
    mode: RepositoryMode,
    *,
    known: KnownOwn | None = None,
) -> DraftVerdict:
    """Judge one answer, which is a unified diff.

    Args:
        known: weighed runs of own patches, by the case's id; new ones are added.
    """
    known = {} if known is None else known
    try:
        tree = await _permitted_tree(sandbox, case, patch)
    except PatchRefused as error:
        return DraftVerdict("error", f"the patch can't be applied: {error}")
    if case.runner != "pytest":
        draft = await judge_by_log(sandbox, case, tree, mode)
    elif mode.how == "isolated":
        draft = await _judge_isolated(opened, case, tree, mode, mode.nodes, known)
        if draft.outcome == "passed" and (failure := await _fail_together(sandbox, case, tree, mode, known)):
            draft = DraftVerdict("failed", f"it passes apart from the tests alone: {failure}", draft.cpu_s)
    else:
        draft = await _together_and_apart(sandbox, opened, case, tree, mode, known)
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
    sandbox: Sandbox,
    opened: Open | None,
    case: RepositoryCase,
    tree: Tree,
    mode: RepositoryMode,
    known: KnownOwn,
) -> DraftVerdict:
    """Judge in one process; concurrently, tests that can be isolated must also pass isolated."""
    isolated_task = (
        asyncio.create_task(_judge_isolated(opened, case, tree, mode, mode.apart, known))
        if mode.apart
        else None
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


async def _fail_together(
    sandbox: Sandbox, case: RepositoryCase, tree: Tree, mode: RepositoryMode, known: KnownOwn
) -> str:
    """Return why tests fail, twice, in one process with a patch, as copies hide what both share; else "".

    They have to pass there with the case's own patch.
    """
    gold, plain_mode = gold_tree(case), mode.model_copy(update={"how": "plain"})
    if tree.files == gold:
        return ""
    for _ in range(_TOGETHER_RUNS):
        draft = await judge_together(sandbox, case, tree, plain_mode)
        if draft.outcome != "failed":
            return ""
    own = known.setdefault(case.id, OwnTests())
    if own.passes_together is None:
        own_draft = await judge_together(sandbox, case, Tree(gold, ()), plain_mode)
        own.passes_together = own_draft.outcome == "passed"
    return draft.detail if own.passes_together else ""


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
    opened: Open | None,
    case: RepositoryCase,
    tree: Tree,
    mode: RepositoryMode,
    nodes: Sequence[str],
    known: KnownOwn,
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
    if draft.outcome == "passed" and mode.how == "isolated" and not weakness:
        is_other = draft.exchanged != mode.exchanged
        weakness = await _weigh(opened, case, tree, mode, known, is_other=is_other)
    if draft.outcome == "passed" and weakness:
        draft.strength, draft.detail = "weaker", weakness
    return draft


async def _weigh(
    opened: Open,
    case: RepositoryCase,
    tree: Tree,
    mode: RepositoryMode,
    known: KnownOwn,
    *,
    is_other: bool,
) -> str:
    """Return why a pass shows less than one of the case's own patch; "" if it shows as much.

    `is_other`: whether it exchanged something else.
    """

    async def run(files: Mapping[str, bytes], weighed: WeighedTests) -> CheckReport | None:
        report = await run_apart(
            opened,
            case,
            files,
            files_of(mode.needed),
            uses=mode.uses,
            helpers=mode.helpers,
            seed=mode.seed,
            weighed=weighed,
        )
        return report if report is not None and report.ended else None

    gold = gold_tree(case)
    if tree.files == gold:
        return ""
    seed = int(sha256(case.id.encode()).hexdigest()[:8], 16)
    weighed = WeighedTests(tests=frozenset(mode.needed), seed=seed, lines=True)
    own, trees = known.setdefault(case.id, OwnTests()), (tree.files, gold)
    reason = await find_fooled(run, trees, weighed, own)
    return reason or (await find_weakness(run, trees, mode, weighed, own) if is_other else "")


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
        seed=mode.seed,
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
        changes = frozenset({"changes"}) if report.changed else frozenset[str]()
        return DraftVerdict("passed", "", cpu_s, exchanged=report.exchanged), report.refused | changes
    failures = [result for result in report.results if not result.passed]
    failure = next(
        (result for result in failures if result.name in required), failures[0] if failures else None
    )
    detail = f"{failure.name}: {failure.message}" if failure else f"not run: {report.note}"
    return DraftVerdict("failed", detail, cpu_s), report.refused
