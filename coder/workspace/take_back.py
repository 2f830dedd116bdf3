"""Undo a run's changes, file by file, merged with the user's later edits of other lines."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of, one_line
from coder.run.event_types import CommitMade, FileUndone, LandingUndone
from coder.run.journal import Journal
from coder.run.state import State
from coder.run.verdict_words import join_names
from coder.run.watch import Unwatched, Watch
from coder.store import EventLog, open_log
from coder.workspace.committing import revert_commit
from coder.workspace.landing import LandingPlan, is_made
from coder.workspace.landing import undo as put_back
from coder.workspace.landing.staging import sha256_of
from coder.workspace.proposal import contents_of
from coder.workspace.rebase import merged_contents
from coder.workspace.unsaved import current_file

_SHOWN_MESSAGE = 60


async def undo(run: str, *, log: EventLog | None = None, watch: Watch | None = None) -> list[FileUndone]:
    """Restore the files from before the run landed, and keep later edits of other lines.

    A file in which the same lines have changed is skipped, with the reason. Files that were restored before
    are skipped, unless they have the run's content again.

    Args:
        run: the run's id.

    Returns:
        A row for each file; none if nothing was left to restore.

    Raises:
        UsageError: the log has no such run, or the run has written nothing.
        LeaseHeld: another process works on the run.
        MachineError: the folder or the log can't be written; undo can be called again.
    """
    async with AsyncExitStack() as stack:
        log = log or stack.enter_context(open_log())
        token = await stack.enter_async_context(log.lease(run))
        journal = Journal(run, log, token=token, watch=watch or Unwatched())
        state = await journal.load("undo")
        steps = _writing_steps(state)
        if not steps:
            message = f"{run} has written no files, so there is nothing to undo."
            note = await take_back_commit(state, [])
            raise UsageError(f"{message}\n{note[0].upper()}{note[1:]}" if note is not None else message)
        return [row for step in left_to_undo(state) or steps for row in await take_back(journal, step)]


def what_is_undone(state: State, rows: Sequence[FileUndone], steps: Sequence[int]) -> str:
    """Describe the files of a message that were restored, and name the next message to undo.

    Args:
        steps: the steps that could be undone; the first one was undone.
    """

    def message(step: int) -> str:
        return f"“{one_line(_state_of_step(state, step).task.prompt, width=_SHOWN_MESSAGE)}”"

    remaining_paths = [row.path for row in rows if row.left]
    total = count_of(len(rows), "file")
    count = f"{len(rows) - len(remaining_paths)} of {total}" if remaining_paths else total
    text = f"{count} of {message(steps[0])} put back"
    text += f", not {join_names(remaining_paths)}" if remaining_paths else ""
    return (
        f"{text}; /undo again takes back {message(steps[1])}"
        if len(steps) > 1 and not remaining_paths
        else text
    )


def left_to_undo(state: State) -> list[int]:
    """Return the steps (from 1) with files that aren't restored, the latest first."""
    return [step for step in _writing_steps(state) if not _state_of_step(state, step).landing.taken_back]


def _writing_steps(state: State) -> list[int]:
    """Return the steps that wrote files, the latest first."""
    steps = range(len(state.steps) + 1, 0, -1)
    return [step for step in steps if _state_of_step(state, step).landing.planned is not None]


def _state_of_step(state: State, step: int) -> State:
    return [*state.steps, state][step - 1]


async def take_back(journal: Journal, step: int) -> list[FileUndone]:
    """Restore the files from before a step (from 1) landed; a plain run has one step."""
    state = journal.state
    landing = _state_of_step(state, step).landing.planned
    if landing is None:
        return []
    plan = _remaining_plan(state, step, landing.plan)
    files = {**state.files, **landing.before}
    before = {change.path: files[change.path].content for change in plan.changes if change.before is not None}
    landed, _ = contents_of(_state_of_step(state, step), risks=())
    plan, before = _merged(plan, before, landed)
    rows: list[FileUndone] = []

    async def record(path: str, reason: str | None) -> None:
        rows.append(FileUndone(path=path, left=reason))
        await journal.append(rows[-1])

    if plan.changes:
        await put_back(plan, before, record)
    if state.settings.chat and step in left_to_undo(state) and not any(row.left for row in rows):
        await journal.append(LandingUndone(step=step))
    return rows


def _remaining_plan(state: State, step: int, plan: LandingPlan) -> LandingPlan:
    restored = {*state.landing.undone} if step > len(state.steps) else set()
    if _state_of_step(state, step).landing.taken_back:
        restored = {change.path for change in plan.changes}
    changes = tuple(item for item in plan.changes if item.path not in restored or is_made(plan, item))
    return plan.model_copy(update={"changes": changes})


def _merged(
    plan: LandingPlan, before: Mapping[str, bytes], landed: Mapping[str, bytes | None]
) -> tuple[LandingPlan, dict[str, bytes]]:
    """Return the plan and the contents to restore; a file with later edits keeps those of other lines.

    Args:
        before: contents before the landing, by path.
        landed: contents that the landing wrote, by path; None: removed.
    """
    root, contents, changes = Path(plan.root), dict(before), []
    for change in plan.changes:
        current, content = current_file(root, change.path), landed.get(change.path)
        is_known = content is not None and sha256_of(content) == change.after
        if current is not None and is_known and current.digest not in (change.before, change.after):
            merged = merged_contents(content, current.content, before.get(change.path), tree=root)
            if merged is not None:
                contents[change.path] = merged
                digests = {"before": sha256_of(merged), "after": current.digest}
                change = change.model_copy(update=digests)
        changes.append(change)
    return plan.model_copy(update={"changes": tuple(changes)}), contents


async def take_back_commit(
    state: State, rows: Sequence[FileUndone], *, step: int | None = None
) -> str | None:
    """Revert the commit of a run or step whose files are restored; None if it has no commit.

    Returns:
        Message with the result, or the reason why nothing was done.
    """
    state = state if step is None else _state_of_step(state, step)
    commit = state.landing.committed
    if not isinstance(commit, CommitMade):
        return None
    if state.settings.branch is not None:
        return f"the branch {commit.branch} has its commit. Remove it with: git branch -D {commit.branch}"
    if not rows:
        return None  # the commit was reverted before
    if any(row.left for row in rows):
        return f"the commit {commit.commit[:12]} stays, as not every file could be put back"
    return await revert_commit(state, commit)
