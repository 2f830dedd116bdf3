"""Requests to answer again, where an answer in text can't be tried. Pure."""

from collections.abc import Mapping

from coder.context.quoting import whole_files
from coder.edits.edit import Answered
from coder.edits.replies import asks
from coder.engine.prompting.shorten import shortened
from coder.run.settings import EditFormat

_QUOTED_CHARACTERS = 24_000
"""Longest quote of an answer in characters."""
_MISFIT_TOKENS, _MISFIT_DIVISOR = 40_000, 4
"""Tokens of files that edits don't fit, and the divisor of the context that also limits them."""


def quoted(text: str) -> str:
    """Return an answer as the next request quotes it, at a bounded length."""
    return shortened(text, _QUOTED_CHARACTERS) or "(empty answer)"


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
