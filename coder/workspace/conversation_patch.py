"""The patch of a conversation: what all its messages have changed together."""

from collections.abc import Iterable, Mapping

from coder.run.event_types import LandingPlanned
from coder.run.state import State
from coder.run.stored_file import StoredFile, charsets
from coder.workspace.diff import unified_diff
from coder.workspace.proposal import Contents, contents_of


def patch_of_conversation(state: State, current_files: Mapping[str, StoredFile]) -> str:
    """Return the patch from the files before the conversation to `current_files`, without undone changes."""
    contents_before = _contents_before(standing_landings(state))
    return unified_diff(
        contents_before,
        {path: current_files[path].content if path in current_files else None for path in contents_before},
        charset_of=charsets(current_files),
    )


def patch_so_far(state: State) -> str:
    """Return the patch of all messages, with what the latest one would write; empty if none has written.

    A file that the user has edited between two messages is as the latest message found it. The patch is
    also empty if the folder is so large that its contents weren't kept.
    """
    landings = standing_landings(state)
    latest: Contents = contents_of(state)[0] if landings and not state.landing.taken_back else {}
    try:
        contents_before = _contents_before(landings)
        paths = dict.fromkeys([*contents_before, *latest])
        contents = {path: state.files[path].content if path in state.files else None for path in paths}
    except LookupError:
        return ""
    return unified_diff(
        {**contents, **contents_before}, {**contents, **latest}, charset_of=charsets(state.files)
    )


def _contents_before(landings: Iterable[LandingPlanned]) -> dict[str, bytes | None]:
    """Return the contents of the files that the landings changed, from before each file's first change."""
    contents: dict[str, bytes | None] = {}
    for landing in landings:
        for change in landing.plan.changes:
            old_file = landing.before.get(change.path)
            contents.setdefault(change.path, old_file.content if old_file is not None else None)
    return contents


def standing_landings(state: State) -> list[LandingPlanned]:
    """Return the landings that were written and not undone, in order."""
    landings = [step.landing for step in [*state.steps, state]]
    return [landing.planned for landing in landings if landing.planned is not None and not landing.taken_back]
