"""Quote notes for agents in a request: the user's own, and a repository's on the files of the task."""

from typing import TYPE_CHECKING

from coder.base.prompts import prompt
from coder.context.guidance import MAX_CHARACTERS, ROOT_FILE, guidance
from coder.context.quoting import fenced, shortened, shown_path
from coder.engine.prompting.files_shown import texts_of
from coder.run.state import State
from coder.run.target import Target

if TYPE_CHECKING:
    from coder.context.survey import Survey

_NOTES_DIVISOR = 8
"""Divides the context: notes may take that share, at about three characters per token."""


def notes_shown(state: State, target: Target, survey: "Survey | None", context: int | None) -> str:
    """Return the user's notes on all their work, and the repository's on the files of the task."""
    most = MAX_CHARACTERS if context is None else min(MAX_CHARACTERS, context * 3 // _NOTES_DIVISOR)
    notes = ""
    for path, text in state.settings.notes.items():
        notes += f"\n{prompt('own-notes').format(path=shown_path(path))}\n{fenced(shortened(text, most))}\n"
    texts = texts_of(state)
    nearby_paths = [target.path, *(texts if survey is None else survey.paths)]
    below = guidance(texts, nearby_paths, most=most)
    room = most - sum(map(len, below.values()))
    above = {path: shortened(text, room) for path, text in state.inputs.notes_above.items() if room > 0}
    for path, text in {**above, **below}.items():
        folder = path.removesuffix(ROOT_FILE).rpartition("/")[0]
        scope = f"below {shown_path(folder)}" if folder else "in this repository"
        notes += f"\n{prompt('guidance').format(path=shown_path(path), place=scope)}\n{fenced(text)}\n"
    return notes
