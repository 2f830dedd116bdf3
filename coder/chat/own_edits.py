"""What a conversation has changed in the folder, all steps together. Pure."""

from collections.abc import Mapping

from coder.run.event_types import StoredFile
from coder.run.state import State
from coder.workspace.diff import unified_diff
from coder.workspace.read import content


def written(state: State, now: Mapping[str, StoredFile]) -> str:
    """The diff from what stood in its files before to what is there `now`, without what was taken back."""
    steps = [(step.landing, step.taken_back) for step in state.steps]
    steps.append((state.landing, state.taken_back))
    before: dict[str, bytes | None] = {}
    for landing in (landing for landing, taken_back in steps if landing is not None and not taken_back):
        for change in landing.plan.changes:
            old = landing.before.get(change.path)
            before.setdefault(change.path, content(old) if old is not None else None)
    return unified_diff(before, {path: content(now[path]) if path in now else None for path in before})
