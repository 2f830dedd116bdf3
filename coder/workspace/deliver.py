"""Delivery: a run's files into the user's folder, onto a branch or onto the screen; and what the log says."""

import asyncio
import shlex
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from coder.errors import MachineError, UsageError
from coder.run.attempts import best_code, is_green, suite_passed
from coder.run.event_types import (
    CommitMade,
    CommitRefused,
    FileLanded,
    FileUndone,
    LandingPlanned,
    LandingRefused,
    PatchProposed,
)
from coder.run.journal import Journal
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.task import Task
from coder.text.plural import count_of
from coder.workspace.autorun import risky
from coder.workspace.consent import consent
from coder.workspace.diff import unified_diff
from coder.workspace.edited_tests import is_accepted, landing_edits
from coder.workspace.git.commit import Changed, NoCommit, commit, see_possible
from coder.workspace.landing import FileChanged, Plan, apply, is_made, plan, undo
from coder.workspace.landing import LandingRefused as PathRefused
from coder.workspace.read import content, see_replaceable, snapshot_of
from coder.workspace.rebase import rebase

Contents = Mapping[str, bytes | None]
"""What is to stand at each path; None removes."""
_SUBJECT = 72
"""Characters of a commit's first line."""


def see_committable(task: Task, settings: Settings) -> None:
    """See that the commit which a run is to end with can be made, so far as one knows before.

    Raises:
        UsageError: no folder, no repository, no name to commit under, or the branch is there already.
    """
    if not settings.commits:
        return
    if task.workspace is None:
        raise UsageError("A commit needs the folder of a git repository: name it as PATH.")
    try:
        see_possible(task.workspace.resolve(), branch=settings.branch)
    except NoCommit as error:
        raise UsageError(f"No commit can be made: {error}") from error


async def deliver(journal: Journal) -> None:
    """Land what the run has made, or propose it; ask where files change; commit it where that was wanted.

    Killed at any moment, it can be called again: what has landed is not touched twice. Where the user has
    edited a file meanwhile, both edits are joined and the run goes on to try that; or nothing is written.

    Raises:
        MachineError: the folder or the log can't be written; the run can be resumed.
    """
    settings = journal.state.settings
    try:
        if not settings.lands:
            await _propose(journal)
        elif journal.state.landing is not None or await _plan(journal):
            await _apply(journal)
        else:
            return
    except FileChanged as error:
        await rebase(journal, str(error))
    except PathRefused as error:
        if settings.lands and journal.state.proposed is None:  # the other files are worth seeing
            await journal.append(PatchProposed(patch="".join(proposal(journal.state))))
        await journal.append(LandingRefused(reason=str(error)))
    else:
        if settings.commits and _is_to_be_committed(journal.state):
            await _commit(journal)


def with_written(error: MachineError, state: State) -> MachineError:
    """The error with what of a landing stands in the user's folder by now, and how to go on."""
    landing = state.landing
    if landing is None or state.taken_back:
        return error
    plan, root = landing.plan, Path(landing.plan.root)
    with suppress(MachineError):
        made = [change.path for change in plan.changes if is_made(plan, change)]
        if made:
            return type(error)(
                f"{error}\nIn {root} the run had changed {', '.join(made)} by then, {len(made)} of "
                f"{count_of(len(plan.changes), 'file')}.\n"
                f"Then go on with: coder resume {state.run}, or take it back with: coder undo {state.run}"
            )
    return error


def intended(state: State, *, edits: Contents | None = None) -> Plan:
    """What would change in the user's folder, by what stands there now.

    Args:
        edits: of given tests, that are to land beside those that do anyway.

    Raises:
        LandingRefused: a path may not be written.
        FileChanged: a file isn't as the run has read it.
    """
    contents = {**_contents(state), **(edits or {})}
    if reason := _by_itself(state, contents):
        raise PathRefused(reason)
    if state.root is None:
        raise PathRefused("The task names no folder to write into.")
    read = {path: state.files[path] for path in contents if path in state.files}
    return plan(snapshot_of(state.root, read), contents)


def proposal(state: State) -> tuple[str, str]:
    """The patch of what the run would change in the files that it has read, and the one of given tests.

    The latter are those that land with it in a conversation. Either is empty where that is nothing.
    """
    best = best_code(state)
    edits = landing_edits(state, best) if best is not None else {}
    contents = _contents(state)
    code = {path: text for path, text in contents.items() if path not in edits}
    return _read_diff(state, code), _read_diff(state, {path: contents[path] for path in edits})


async def _plan(journal: Journal) -> bool:
    state = journal.state
    planned = intended(state)
    for change in planned.changes:
        if change.before is not None:
            see_replaceable(Path(planned.root) / change.path)
    patch, left = _patch(state, planned), _left_edits(state)
    tests = _read_diff(state, left)
    said = await consent(
        state,
        journal.watch,
        paths=[change.path for change in planned.changes],
        overwritten=[change.path for change in planned.changes if change.before],
        patch=patch,
        tests=tests,
    )
    if said == "nobody":
        await journal.append(PatchProposed(patch=patch, tests=tests))
        return False
    if said == "no":
        await journal.append(LandingRefused(reason="you said no to the changes", by_human=True))
        return False
    if said == "all":
        planned = intended(state, edits=left)
        patch, tests = _patch(state, planned, edits=left), ""
    before = {change.path: state.files[change.path] for change in planned.changes if change.before}
    await journal.append(LandingPlanned(plan=planned, patch=patch, tests=tests, before=before))
    return True


async def _propose(journal: Journal) -> None:
    state = journal.state
    if state.proposed is None:
        await journal.append(
            PatchProposed(patch=_patch(state, intended(state)), tests=_read_diff(state, _left_edits(state)))
        )


async def _apply(journal: Journal) -> None:
    landing = journal.state.landing
    assert landing is not None

    async def record(path: str) -> None:
        if path not in journal.state.landed:
            await journal.append(FileLanded(path=path))

    try:
        await apply(landing.plan, _contents(journal.state), record)
    except FileChanged:
        await _take_back(journal, landing)
        raise


async def _take_back(journal: Journal, landing: LandingPlanned) -> None:
    """Nothing of a landing stays that can't be made whole."""
    landed = [change for change in landing.plan.changes if change.path in journal.state.landed]
    before = {path: content(stored) for path, stored in landing.before.items()}

    async def record(path: str, left: str | None) -> None:
        await journal.append(FileUndone(path=path, left=left))

    await undo(landing.plan.model_copy(update={"changes": tuple(landed)}), before, record)


async def _commit(journal: Journal) -> None:
    state = journal.state
    planned = state.landing.plan if state.landing is not None else intended(state)
    contents = _contents(state)
    changed = {
        change.path: Changed(
            content(state.files[change.path]) if change.before else None,
            contents[change.path] if change.after else None,
            change.executable,
        )
        for change in planned.changes
    }
    branch = state.settings.branch
    try:
        if not is_green(state) and not suite_passed(state):
            raise NoCommit("only what has passed is committed.")
        if not changed:
            raise NoCommit("nothing has changed.")
        made = await asyncio.to_thread(
            commit, Path(planned.root), changed, message=_message(state), branch=branch
        )
    except NoCommit as error:
        await journal.append(CommitRefused(reason=str(error)))
    else:
        await journal.append(CommitMade(commit=made.commit, branch=made.branch))


def _message(state: State) -> str:
    """The task's first line, and whose work it is."""
    first = state.task.prompt.strip().splitlines()[0].rstrip(".")
    subject = first if len(first) <= _SUBJECT else f"{first[: _SUBJECT - 1].rstrip()}…"
    return f"{subject}\n\nWritten by {state.model}, run {state.run} of coder.\n"


def _patch(state: State, planned: Plan, *, edits: Contents | None = None) -> str:
    contents = {**_contents(state), **(edits or {})}
    before = {c.path: content(state.files[c.path]) if c.before else None for c in planned.changes}
    after = {change.path: contents[change.path] for change in planned.changes}
    return unified_diff(before, after, executable={c.path for c in planned.changes if c.executable})


def _is_to_be_committed(state: State) -> bool:
    """Whether it is solved, or unverified with the user's word for it."""
    if state.committed is not None:
        return False
    decided = state.landing is not None and not state.settings.keep and suite_passed(state)
    return is_green(state) or is_accepted(state) or decided


def _contents(state: State) -> dict[str, bytes | None]:
    """What lands: the best code, with the edits of given tests that land with it."""
    best = best_code(state)
    return _encoded({**best.files, **landing_edits(state, best)}) if best is not None else {}


def _left_edits(state: State) -> dict[str, bytes | None]:
    """The edits of given tests that don't land."""
    best = best_code(state)
    edits = best.test_edits if best is not None else {}
    going = landing_edits(state, best) if best is not None else {}
    return _encoded({path: text for path, text in edits.items() if path not in going})


def _encoded(files: Mapping[str, str | None]) -> dict[str, bytes | None]:
    return {path: text.encode("utf-8") if text is not None else None for path, text in files.items()}


def _read_diff(state: State, contents: Contents) -> str:
    """The patch from the files as the run has read them."""
    before = {path: content(state.files[path]) if path in state.files else None for path in contents}
    return unified_diff(before, contents)


def _by_itself(state: State, contents: Mapping[str, bytes | None]) -> str | None:
    """Why a file would run by itself later, when the user has not allowed it."""
    for path in contents:
        reason = risky(path)
        if reason is not None and path not in state.settings.allow:
            return (
                f"{path} would run by itself later ({reason}). If it may: "
                f"coder resume {state.run} --allow {shlex.quote(path)}"
            )
    return None
