"""Commit what a run landed or would land, if it passed or the user agreed."""

import asyncio
from pathlib import Path

from coder.run.attempts import is_green, suite_passed
from coder.run.event_types import CommitMade, CommitRefused
from coder.run.journal import Journal
from coder.run.state import State
from coder.workspace.consent import is_accepted
from coder.workspace.git.commit import Changed, NoCommit, commit
from coder.workspace.proposal import contents_of, intended

_SUBJECT = 72
"""Most characters of a commit's subject."""


async def commit_run(journal: Journal) -> None:
    """Commit the run's files; no effect if unwanted or already done. Raises NoCommit."""
    state = journal.state
    if not _is_to_be_committed(state):
        return
    contents, _ = contents_of(state)
    planned = state.landing.plan if state.landing is not None else intended(state, contents)
    changed = {
        change.path: Changed(
            state.files[change.path].content if change.before else None,
            contents[change.path] if change.after else None,
            change.executable,
            switched=change.chmod is not None,
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
    first = state.task.prompt.strip().splitlines()[0].rstrip(".")
    subject = first if len(first) <= _SUBJECT else f"{first[: _SUBJECT - 1].rstrip()}…"
    return f"{subject}\n\nWritten by {state.model}, run {state.run} of coder.\n"


def _is_to_be_committed(state: State) -> bool:
    """Whether it is solved, or unverified and accepted by the user."""
    if state.committed is not None:
        return False
    decided = state.landing is not None and not state.settings.keep and suite_passed(state)
    return is_green(state) or is_accepted(state) or decided
