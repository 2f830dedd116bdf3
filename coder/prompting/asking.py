"""Asking: what a conversation about edits quotes of an answer, and of the changes that it has made."""

from coder.context.quoting import fenced
from coder.prompts import prompt
from coder.run.message import Message
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.workspace.diff import unified_diff
from coder.workspace.read import content

_MOST_QUOTED = 24_000
"""Characters of an answer that are quoted."""
_MOST_CHANGED = 16_000
"""Characters of all changes that are quoted."""


def quoted(text: str) -> str:
    """An answer as the next question quotes it: one without end must not cost again what it cost once."""
    return _cut(text, _MOST_QUOTED) or "(empty answer)"


def repair_of_edits(state: State, previous: Message, failure: str, *, words: str = "repair-edits") -> str:
    """The request to go on from edits whose code failed, or that the user wants to be different.

    Args:
        words: the prompt that says so.
    """
    before = {path: content(state.files[path]) if path in state.files else None for path in previous.files}
    after = {path: None if text is None else text.encode() for path, text in previous.files.items()}
    changes = fenced(_cut(unified_diff(before, after), _MOST_CHANGED), "diff")
    return prompt(words).format(feedback=failure, changes=changes)


def form_words(form: EditFormat, *, is_python: bool) -> str:
    """The request for an answer in a form, in a sentence."""
    match form:
        case "search-replace":
            return "Answer with search/replace blocks."
        case "diff":
            return "Answer with one unified diff in a ```diff block."
        case "patch":
            return "Answer with one patch, from `*** Begin Patch` to `*** End Patch`."
    if is_python:
        return "Answer with the complete code in one ```python block."
    return "Answer with each file whole, in a fenced block, its path above it."


def _cut(text: str, most: int) -> str:
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"
