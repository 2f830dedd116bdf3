"""Undo: take a run's files back, one by one, where nobody has changed them since."""

import os
from contextlib import AsyncExitStack

from coder.bodies import CommitMade, FileUndone
from coder.errors import UsageError
from coder.journal import Journal
from coder.landing import undo as put_back
from coder.reading import content
from coder.state import State
from coder.store import LeasedLog, SqliteLog, data_folder
from coder.watch import Unwatched, Watch


async def undo(run: str, *, log: LeasedLog | None = None, watch: Watch | None = None) -> list[FileUndone]:
    """Put back what was there before the run's files landed; what was changed since is left, and why.

    Args:
        run: its id.

    Raises:
        UsageError: the log holds no such run, or it landed nothing.
        LeaseHeld: another process works on it.
        MachineError: the folder or the log can't be written; undo can be called again.
    """
    async with AsyncExitStack() as stack:
        log = log or stack.enter_context(SqliteLog(data_folder(os.environ)))
        token = await stack.enter_async_context(log.lease(run))
        journal = Journal(run, log, token=token, watch=watch or Unwatched())
        try:
            state = await journal.load()
        except ValueError as error:
            raise UsageError(f"Can't undo {run}: {error}. See the runs with: coder ls") from error
        if state.landing is None:
            said = f"{run} has written no files, so there is nothing to undo."
            raise UsageError(f"{said}\n{left.capitalize()}" if (left := commit_left(state)) else said)
        plan = state.landing.plan
        files = {**state.files, **state.landing.before}
        before = {c.path: content(files[c.path]) for c in plan.changes if c.before is not None}
        rows: list[FileUndone] = []

        async def record(path: str, left: str | None) -> None:
            rows.append(FileUndone(path=path, left=left))
            await journal.append(rows[-1])

        await put_back(plan, before, record)
        return rows


def commit_left(state: State) -> str | None:
    """What to say of a run's commit, which stays when its files are taken back; None where it made none."""
    made = state.committed
    if not isinstance(made, CommitMade):
        return None
    if state.settings.branch is not None:
        return f"the branch {made.branch} has its commit. Remove it with: git branch -D {made.branch}"
    return f"the commit {made.commit[:12]} stays. Take it back with: git revert {made.commit[:12]}"
