"""Commit a run's changes, if they passed or the user agreed."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from coder.run.event_types import CommitMade, CommitRefused
from coder.run.journal import Journal
from coder.run.state import State
from coder.workspace.commit_message import commit_message
from coder.workspace.consent import is_green, is_to_be_committed, suite_passed
from coder.workspace.git.commit import CommittedFile, NoCommit, commit, not_committable
from coder.workspace.proposal import contents_of, intended


async def commit_run(journal: Journal) -> None:
    """Commit the run's files, unless no commit is wanted or one exists. Raises NoCommit."""
    state = journal.state
    if not is_to_be_committed(state):
        return
    root, changed = _changed_files(state)
    branch = state.settings.branch
    try:
        if not is_green(state) and not suite_passed(state):
            raise NoCommit("only what has passed is committed.")
        if not changed:
            raise NoCommit("nothing has changed.")
        # A branch without a part of the change holds something that was never verified.
        left_out = {} if branch is not None else await asyncio.to_thread(not_committable, root, changed)
        committed = _without(changed, left_out)
        message = commit_message(state, committed)
        revision = await asyncio.to_thread(commit, root, committed, message=message, branch=branch)
    except NoCommit as error:
        await journal.append(CommitRefused(reason=str(error)))
    else:
        made = CommitMade(commit=revision.commit, branch=revision.branch, left_out=left_out)
        await journal.append(made)


def _without(changed: Mapping[str, CommittedFile], left_out: Mapping[str, str]) -> dict[str, CommittedFile]:
    """Return the changes that a commit can hold. Raises NoCommit if there are none."""
    if changed and changed.keys() <= left_out.keys():
        raise NoCommit(f"{' '.join(left_out.values())} Commit it yourself.")
    return {path: change for path, change in changed.items() if path not in left_out}


async def revert_commit(state: State, event: CommitMade) -> str:
    """Commit the restored files on top of HEAD; return a message about it.

    Args:
        state: state at the end of the run or step that made the commit.
    """
    root, changed = _changed_files(state)
    restored = {
        path: replace(change, before=change.after, after=change.before)
        for path, change in changed.items()
        if path not in event.left_out
    }
    message = f"Revert {event.commit[:12]}\n\nTakes back run {state.run} of coder.\n"
    try:
        reverting = await asyncio.to_thread(commit, root, restored, message=message)
    except NoCommit as error:
        return (
            f"the files are as before the commit {event.commit[:12]}, and that is not committed: {error} "
            "See it with: git status"
        )
    return f"the commit {reverting.commit[:12]} reverts the commit {event.commit[:12]}"


def _changed_files(state: State) -> tuple[Path, dict[str, CommittedFile]]:
    """Return the run's folder, and the files that its commit changes there, by path."""
    contents, _ = contents_of(state)
    landing = state.landing.planned
    plan = landing.plan if landing is not None else intended(state, contents)
    before = {**state.files, **(landing.before if landing is not None else {})}
    return Path(plan.root), {
        change.path: CommittedFile(
            before[change.path].content if change.before else None,
            contents[change.path] if change.after else None,
            change.executable,
            switched=change.chmod is not None,
            link=change.link,
        )
        for change in plan.changes
    }
