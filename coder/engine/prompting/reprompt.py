"""Ask a model again: quotes of its answer, and tests for answers in plain words."""

import re
from collections.abc import Mapping

from coder.base.prompts import prompt
from coder.context.quoting import fenced, whole_files
from coder.edits.edit import Answered
from coder.run.message import CodeMessage
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.target import Target, is_test
from coder.workspace.diff import unified_diff

_QUOTED_CHARACTERS = 24_000
"""Longest quote of an answer in characters."""
_CHANGES_CHARACTERS = 16_000
"""Longest quote of all changes in characters."""
_MISFIT_TOKENS, _MISFIT_DIVISOR = 40_000, 4
"""Tokens of files that edits don't fit, and the divisor of the context that also limits them."""
_WORK_REQUEST = re.compile(r"\b(?:can|could|would|will) (?:you|we)\b|\bplease\b", re.IGNORECASE)
"""Words of a question that asks for work, not only for an answer."""
_QUESTION_MARKS = ("?", "\uff1f", "\u061f")
"""Question marks: Latin, full-width, Arabic."""
_CLOSING_CHARACTERS = " \t\r*_`\"')"
"""Characters that may follow a question mark."""


def quoted(text: str) -> str:
    """Return an answer as the next request quotes it, at a bounded length."""
    return shortened(text, _QUOTED_CHARACTERS) or "(empty answer)"


def repair_of_edits(state: State, previous: CodeMessage, failure: str, *, words: str = "repair-edits") -> str:
    """Return the request after edits whose code failed, or that the user wants changed."""
    contents_before = {
        path: state.files[path].content if path in state.files else None for path in previous.changes.files
    }
    contents_after = {
        path: None if text is None else text.encode() for path, text in previous.changes.files.items()
    }
    changes = fenced(shortened(unified_diff(contents_before, contents_after), _CHANGES_CHARACTERS), "diff")
    return prompt(words).format(feedback=failure, changes=changes)


def again_words(edits: Answered, text: str, *, form: EditFormat, is_python: bool) -> str:
    """Return the request to answer again in the format that was asked for first."""
    instruction = "Answer with each file whole, in a fenced block, its path above it."
    if form == "search-replace":
        instruction = "Answer with search/replace blocks."
    elif is_python:
        instruction = "Answer with the complete code in one ```python block."
    if edits.empty and asks(text):
        return f"No user is there to answer a question: decide by yourself. {instruction}"
    if edits.empty:
        return f"Your answer {'holds no code' if form == 'whole' else 'changes no file'}. {instruction}"
    return edits.problem or ""


def misfit(edits: Answered, texts: Mapping[str, str | None], *, context: int | None) -> str:
    """Return the report of edits that don't fit, with the nearest lines, or the whole file if no lines
    are near.
    """
    files = {path: text for path in edits.missed if (text := texts.get(path)) is not None}
    budget = _MISFIT_TOKENS if context is None else min(_MISFIT_TOKENS, context // _MISFIT_DIVISOR)
    quotes = whole_files(files, budget=budget)
    return f"{edits.problem}\n\nThese files as they are now:\n{quotes}" if quotes else edits.problem or ""


def shortened(text: str, max_characters: int) -> str:
    """Return the text; of a longer one, return the first and the last half of `max_characters` characters."""
    if len(text) <= max_characters:
        return text
    half = max_characters // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"


def is_reply(request: str, edits: Answered, text: str) -> bool:
    """Return whether no part of an answer to this message was meant to change a file."""
    if not text.strip() or not edits.fits:
        return False
    if "```" not in text:
        return not edits.files
    return is_question(request) and edits.only_shows


def asks(text: str) -> bool:
    """Return whether an answer asks the user something: one of its lines ends with a question mark."""
    return any(line.rstrip(_CLOSING_CHARACTERS).endswith(_QUESTION_MARKS) for line in text.splitlines())


def is_question(message: str) -> bool:
    """Return whether a message only asks for information."""
    return any(line.rstrip().endswith("?") for line in message.splitlines()) and not _WORK_REQUEST.search(
        message
    )


def target_now(state: State) -> Target:
    """Return the default target of code; in a conversation, the file that was changed last."""
    target = state.target
    if not state.settings.chat or target.path in state.files:
        return target
    written_paths = (path for step in reversed(state.steps) for path in step.landing.written)
    candidates = [path for path in written_paths if path in state.files]
    if not candidates:
        sources = [path for path in state.files if path.endswith(".py") and not is_test(path)]
        candidates = sources if len(sources) == 1 else []
    return target.model_copy(update={"path": candidates[0]}) if candidates else target
