"""Deliver a run's files into the user's folder, onto a branch or onto the screen, and log the delivery."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from coder.base.errors import MachineError, UsageError, own_command
from coder.base.text.sanitize import count_of
from coder.run.attempts import best_code
from coder.run.event_types import (
    FileLanded,
    FileUndone,
    LandingPlanned,
    LandingRefused,
    PatchProposed,
    Spoken,
)
from coder.run.extensions import Ruling
from coder.run.journal import Journal
from coder.run.message import HUMAN
from coder.run.questions import Decision
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.run.watch import Editing
from coder.workspace.consent import denied_files, in_parts, is_to_be_committed, objection, rulings_of
from coder.workspace.landing import FileChanged, apply, is_made, undo
from coder.workspace.landing import ForbiddenPath as PathRefused
from coder.workspace.landing_questions import (
    ask_consent,
    is_whole,
    landing_question,
    needs_word,
    wants_edits,
    wants_held,
)
from coder.workspace.proposal import Contents, contents_of, held_in, intended, patch_of, proposal
from coder.workspace.read import require_replaceable
from coder.workspace.rebase import rebase, require_unchanged
from coder.workspace.unsaved import save_unsaved, show_landed, unsaved_files


class _Held(TypedDict):
    held: tuple[str, ...]
    ruled: dict[str, Ruling]


def require_committable(task: Task, settings: Settings) -> None:
    """Check early for known reasons why the run's final commit is impossible.

    Raises:
        UsageError: folder, repository or committer name is missing, or the branch exists already.
    """
    if not settings.commits:
        return
    if task.workspace is None:
        raise UsageError("A commit needs the folder of a git repository: name it as PATH.")
    if settings.rules is not None:
        from coder.config.permission_rules import denies, of_command  # imported late: few users have rules

        if denies(ruling := of_command(settings.rules, ("git", "commit"))):
            raise UsageError(f"No commit can be made: your rule: {ruling}.")
    from coder.workspace.git.commit import NoCommit, check_possible

    try:
        check_possible(task.workspace.resolve(), branch=settings.branch)
    except NoCommit as error:
        raise UsageError(f"No commit can be made: {error}") from error


async def deliver(journal: Journal) -> None:
    """Write or propose the run's result; ask for consent if needed; commit if requested.

    After a kill it can be repeated: written files aren't touched again. If the user has edited a file
    meanwhile, both edits are merged and verified, or nothing is written.
    """
    settings = journal.state.settings
    try:
        if not settings.lands:
            if (state := journal.state).landing.proposed is None:
                risks = held_in(state)
                contents, separate = contents_of(state, risks)
                if not settings.in_place:
                    unsaved = await _unsaved(journal, contents)
                    intended(state, contents, unsaved)  # raises if it can't be written
                tests, held = patch_of(state, separate), _held(state, risks)
                await journal.append(PatchProposed(patch=patch_of(state, contents), tests=tests, **held))
            if not await _may_commit(journal):
                return
        elif journal.state.landing.planned is not None or await _plan(journal):
            await _extend(journal)
            await _apply(journal)
        else:
            return
    except FileChanged as error:
        await rebase(journal, str(error))
    except PathRefused as error:
        if settings.lands and journal.state.landing.proposed is None:  # to show the other files
            await journal.append(PatchProposed(patch="".join(proposal(journal.state))))
        await journal.append(LandingRefused(reason=str(error)))
    else:
        if settings.commits:
            from coder.workspace.committing import commit_run

            await commit_run(journal)


def with_written(error: MachineError, state: State) -> MachineError:
    """Return the error with a message that names the files written so far and the command that continues."""
    landing = state.landing.planned
    if landing is None or state.landing.taken_back:
        return error
    plan, root = landing.plan, Path(landing.plan.root)
    with suppress(MachineError):
        paths = [change.path for change in plan.changes if is_made(plan, change)]
        if paths:
            return type(error)(
                f"{error}\nIn {root} the run had changed {', '.join(paths)} by then, {len(paths)} of "
                f"{count_of(len(plan.changes), 'file')}.\n"
                f"Then go on with: {own_command()} resume {state.run}, or take it back with: "
                f"{own_command()} undo {state.run}"
            )
    return error


async def _plan(journal: Journal) -> bool:
    """Log the plan of a landing; return False if it is only proposed or refused."""
    state = journal.state
    risks = held_in(state)  # before a question, as what is approved is what was shown
    contents, separate = contents_of(state, risks)
    landing_plan = intended(state, contents, await _unsaved(journal, contents))
    await require_unchanged(journal)
    overwritten = [change.path for change in landing_plan.changes if change.before is not None]
    for path in overwritten:
        require_replaceable(Path(landing_plan.root) / path)
    patch, tests = patch_of(state, contents), patch_of(state, separate)
    paths = [change.path for change in landing_plan.changes]
    diff = in_parts(patch, tests)
    decision = await ask_consent(journal, paths=paths, overwritten=overwritten, diff=diff)
    if decision is None:
        await journal.append(PatchProposed(patch=patch, tests=tests, **_held(state, risks)))
        return False
    if not decision.agrees:
        await _refuse(journal, decision, PatchProposed(patch=patch, tests=tests))
        return False
    denied = denied_files(state, separate)
    edits = {path: content for path, content in separate.items() if path not in {**risks, **denied}}
    is_offered = (needs_word(state) or state.settings.chat) and is_whole(state, paths)
    if edits and (is_offered or await wants_edits(journal, diff)):
        contents = {**contents, **edits}
    offered = {path: reason for path, reason in risks.items() if path not in denied}
    if offered and await wants_held(journal, offered, diff):
        contents, risks = (
            {**contents, **{path: separate[path] for path in offered}},
            {path: reason for path, reason in risks.items() if path in denied},
        )
    separate = {path: content for path, content in separate.items() if path not in contents}
    if journal.state is not state:  # the folder may have changed during a question
        await require_unchanged(journal)
    await _save(journal, contents)
    landing_plan, patch, tests = (
        intended(state, contents),
        patch_of(state, contents),
        patch_of(state, separate),
    )
    before = {change.path: state.files[change.path] for change in landing_plan.changes if change.before}
    await journal.append(
        LandingPlanned(plan=landing_plan, patch=patch, tests=tests, before=before, **_held(state, risks))
    )
    return True


def _held(state: State, paths: Iterable[str]) -> _Held:
    """Return the fields of a landing's event that name these files, which are left out."""
    held = tuple(paths)
    return {"held": held, "ruled": rulings_of(state, held)}


async def _extend(journal: Journal) -> None:
    """Add to a landing the files that the user has allowed since it was planned."""
    state = journal.state
    landing = state.landing.planned
    assert landing is not None
    if not landing.held:
        return
    contents, separate = contents_of(state)
    allowed_contents = {path: contents[path] for path in landing.held if path in contents}
    if not allowed_contents:
        return
    await _save(journal, allowed_contents)
    added = intended(state, allowed_contents)
    changes = (*landing.plan.changes, *added.changes)
    plan = added.model_copy(update={"changes": changes, "made": (*landing.plan.made, *added.made)})
    patch = patch_of(state, {**{change.path: contents[change.path] for change in changes}})
    before = {change.path: state.files[change.path] for change in changes if change.before}
    remaining = [path for path in landing.held if path not in allowed_contents]
    await journal.append(
        LandingPlanned(
            plan=plan, patch=patch, tests=patch_of(state, separate), before=before, **_held(state, remaining)
        )
    )


async def _apply(journal: Journal) -> None:
    landing = journal.state.landing.planned
    assert landing is not None
    journal.limits.clear()  # writing files isn't interrupted

    async def record(path: str) -> None:
        if path not in journal.state.landing.written:
            await journal.append(FileLanded(path=path))

    try:
        await apply(landing.plan, contents_of(journal.state, risks=())[0], record)
    except FileChanged:
        await _take_back(journal, landing)
        raise
    if isinstance(journal.watch, Editing):
        await show_landed(journal.watch, journal.state)


async def _save(journal: Journal, contents: Contents) -> None:
    """Make the user's editor save files. Raises FileChanged and ForbiddenPath."""
    if isinstance(journal.watch, Editing):
        await save_unsaved(journal.watch, journal.state, contents)


async def _unsaved(journal: Journal, contents: Contents) -> dict[str, StoredFile]:
    root = journal.state.root
    if not isinstance(journal.watch, Editing):
        return {}
    return await unsaved_files(journal.watch, Path(root) if root is not None else None, contents)


async def _take_back(journal: Journal, landing: LandingPlanned) -> None:
    """Undo a landing that can't be completed."""
    landed_changes = [
        change for change in landing.plan.changes if change.path in journal.state.landing.written
    ]
    before = {path: stored.content for path, stored in landing.before.items()}

    async def record(path: str, reason: str | None) -> None:
        await journal.append(FileUndone(path=path, left=reason))

    await undo(landing.plan.model_copy(update={"changes": tuple(landed_changes)}), before, record)


async def _may_commit(journal: Journal) -> bool:
    """Return whether a commit on a separate branch may be made: no consent is needed, or it was given."""
    state, settings, code = journal.state, journal.state.settings, best_code(journal.state)
    is_users_version = code is not None and code.author == HUMAN
    is_asked = (settings.chat or "landing" in settings.approve) and not is_users_version
    if not (settings.commits and is_asked and is_to_be_committed(state)):
        return True
    question = landing_question(state, f"Commit it on {state.settings.branch}?", diff=state.landing.patch)
    from coder.run.open_question import ask_person  # imported late: most runs ask nothing

    answer = await ask_person(journal, question)
    if not answer.agrees:
        await _refuse(journal, answer)
    return answer.agrees


async def _refuse(journal: Journal, answer: Decision, *proposed: PatchProposed) -> None:
    """Log that a change must not land, or what the user wants instead."""
    code = best_code(journal.state)
    if code is not None and (request := objection(answer, code)) is not None:
        await journal.append(Spoken(message=request))
        return
    await journal.append(*proposed, LandingRefused(reason="you said no to the changes", by_human=True))
