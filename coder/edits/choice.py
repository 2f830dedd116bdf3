"""Choice: the form in which a model is asked for changes. Whatever it then answers in is understood."""

from coder.models.weights import EMBEDDED
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.target import Target, is_test

MOST_OF_A_FILE = 8_000
"""Characters of the largest file that is asked for whole; a larger one costs more to write than edits do."""
MOST_IN_ALL = 24_000
"""Characters of all files; of more, not every one is shown, and what isn't can't be written whole."""

_TRAINED_ON_PATCHES = ("gpt-4.1", "gpt-5", "gpt-oss", "codex")
"""Models whose maker names the `apply_patch` envelope as the form they know best."""


def edit_format(state: State, target: Target) -> EditFormat:
    """The user's word, else whole files where they are small, else what the model knows best."""
    if state.settings.edit_format is not None:
        return state.settings.edit_format
    model = state.settings.roles.get("coder", state.model)
    if EMBEDDED in model or are_small(state, target):
        return "whole"
    return "patch" if any(name in model for name in _TRAINED_ON_PATCHES) else "search-replace"


def are_small(state: State, target: Target) -> bool:
    """Whether all files that may change are small, and few enough to be shown."""
    sizes = {path: len(file.text) for path, file in state.files.items() if file.text is not None}
    likely = [target.path] if target.path in sizes else [path for path in sizes if not is_test(path)]
    largest = max((sizes[path] for path in likely), default=0)
    return largest <= MOST_OF_A_FILE and sum(sizes.values()) <= MOST_IN_ALL
