"""Carry a plan out, or take it back. Both can be repeated."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from coder.errors import MachineError
from coder.run.landing_plan import Change, Plan
from coder.workspace.landing.staging import clear, place, remove_empty, stage
from coder.workspace.landing.standing import LandingRefused, parts_of, state_of


async def apply(
    plan: Plan, contents: Mapping[str, bytes | None], record: Callable[[str], Awaitable[None]]
) -> None:
    """Make every change of a plan that isn't made yet; `record` is told each path that is as it should be.

    All contents are on the disk before the first file is replaced: a full disk changes nothing.

    Args:
        contents: what to write, by path; its hashes are those of the plan.

    Raises:
        FileChanged: a file is neither as before nor as after. Nothing was changed; but where that happened
            between our own steps, the files before it in the plan stay changed.
        MachineError: the disk is full or a folder can't be written; nothing was changed.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    try:
        for change in plan.changes:
            stage(root, change, contents.get(change.path) if change.after else None)
    except (LandingRefused, MachineError, ValueError):
        clear(root, plan)
        raise
    for change in plan.changes:
        place(root, change)
        await record(change.path)


async def undo(
    plan: Plan, contents: Mapping[str, bytes], record: Callable[[str, str | None], Awaitable[None]]
) -> None:
    """Put back what was there before, file by file; `record` is told each path, and why it was left if so.

    Args:
        contents: what was there before, by path; its hashes are those of the plan.

    Raises:
        MachineError: the disk is full or a folder can't be written; the file named is as it was.
        ValueError: a content isn't the planned one.
    """
    root = Path(plan.root)
    for change in reversed(plan.changes):
        back = change.model_copy(update={"before": change.after, "after": change.before})
        try:
            stage(root, back, contents.get(change.path) if back.after else None)
            place(root, back)
        except LandingRefused as error:
            await record(change.path, str(error))
        else:
            await record(change.path, None)
    for folder in reversed(plan.made):
        remove_empty(root, folder)


def is_made(plan: Plan, change: Change) -> bool:
    """Whether what stands in the folder is what the change has made.

    Raises:
        MachineError: the file can't be read.
    """
    try:
        return state_of(Path(plan.root), parts_of(change.path)) == change.after
    except LandingRefused:
        return False
