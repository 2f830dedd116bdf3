"""Delivery: a run's files into the user's folder, and what the log says of it on the way."""

from pathlib import Path

from coder.bodies import FileLanded, LandingPlanned, LandingRefused
from coder.diff import unified_diff
from coder.journal import Journal
from coder.landing import LandingRefused as PathRefused
from coder.landing import apply, plan
from coder.reading import content, see_replaceable, snapshot_of
from coder.risk import risky
from coder.rounds import best_code
from coder.state import State


async def deliver(journal: Journal) -> None:
    """Plan the landing if it isn't planned, ask where existing files change, and make it so.

    Killed at any moment, it can be called again: what has landed is not touched twice.

    Raises:
        MachineError: the folder or the log can't be written; the run can be resumed.
    """
    try:
        if journal.state.landing is None and not await _plan(journal):
            return
        await _apply(journal)
    except PathRefused as error:
        await journal.append(LandingRefused(reason=str(error)))


async def _plan(journal: Journal) -> bool:
    state = journal.state
    contents = _contents(state)
    if reason := _by_itself(state, contents):
        await journal.append(LandingRefused(reason=reason))
        return False
    if state.root is None:
        raise PathRefused("The task names no folder to write into.")
    intended = plan(snapshot_of(state.root, state.files), contents)
    for change in intended.changes:
        if change.before is not None:
            see_replaceable(Path(intended.root) / change.path)
    before = {c.path: content(state.files[c.path]) if c.before else None for c in intended.changes}
    patch = unified_diff(before, {change.path: contents[change.path] for change in intended.changes})
    overwritten = [change.path for change in intended.changes if change.before]
    if overwritten and not await journal.watch.confirm(f"Change {', '.join(overwritten)}?", patch):
        await journal.append(LandingRefused(reason="you said no to the changes", by_human=True))
        return False
    await journal.append(LandingPlanned(plan=intended, patch=patch))
    return True


async def _apply(journal: Journal) -> None:
    landing = journal.state.landing
    assert landing is not None

    async def record(path: str) -> None:
        if path not in journal.state.landed:
            await journal.append(FileLanded(path=path))

    await apply(landing.plan, _contents(journal.state), record)


def _contents(state: State) -> dict[str, bytes | None]:
    best = best_code(state)
    files = best.files if best is not None else {}
    return {path: None if text is None else text.encode("utf-8") for path, text in files.items()}


def _by_itself(state: State, contents: dict[str, bytes | None]) -> str | None:
    """Why a file would run by itself later, when the user has not allowed it."""
    for path in contents:
        reason = risky(path)
        if reason is not None and path not in state.settings.allow:
            return f"{path} would run by itself later ({reason}). Allow it with --allow {path}."
    return None
