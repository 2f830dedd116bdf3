"""Asking again: what is quoted of an answer, and which answers are words alone."""

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

_MOST_QUOTED = 24_000
"""Characters of an answer that are quoted."""
_MOST_CHANGED = 16_000
"""Characters of all changes that are quoted."""
_MISFIT_TOKENS, _SHARE_OF_MISFIT = 40_000, 4
"""Of files that edits don't fit: at most so many tokens, and one in so many that the model reads."""
_WISH = re.compile(r"\b(?:can|could|would|will) (?:you|we)\b|\bplease\b", re.IGNORECASE)
"""A question that asks for more than an answer."""
_MARKS = ("?", "\uff1f", "\u061f")
"""Question marks: Latin, full-width, Arabic."""
_CLOSING = " \t\r*_`\"')"
"""Signs behind a question mark."""


def quoted(text: str) -> str:
    """An answer as the next request quotes it, at a bounded length."""
    return shortened(text, _MOST_QUOTED) or "(empty answer)"


def repair_of_edits(state: State, previous: CodeMessage, failure: str, *, words: str = "repair-edits") -> str:
    """The request after edits whose code failed, or that the user wants changed."""
    before = {
        path: state.files[path].content if path in state.files else None for path in previous.changes.files
    }
    after = {path: None if text is None else text.encode() for path, text in previous.changes.files.items()}
    changes = fenced(shortened(unified_diff(before, after), _MOST_CHANGED), "diff")
    return prompt(words).format(feedback=failure, changes=changes)


def again_words(answered: Answered, text: str, *, form: EditFormat, is_python: bool) -> str:
    """The request to answer again, in the form that was asked for at first."""
    how = "Answer with each file whole, in a fenced block, its path above it."
    if form == "search-replace":
        how = "Answer with search/replace blocks."
    elif is_python:
        how = "Answer with the complete code in one ```python block."
    if answered.empty and asks(text):
        return f"No user is there to answer a question: decide by yourself. {how}"
    if answered.empty:
        return f"Your answer {'holds no code' if form == 'whole' else 'changes no file'}. {how}"
    return answered.problem or ""


def misfit(answered: Answered, texts: Mapping[str, str | None], *, context: int | None) -> str:
    """The words about edits that don't fit: with the nearest lines, or with the file where none is near."""
    files = {path: text for path in answered.missed if (text := texts.get(path)) is not None}
    budget = _MISFIT_TOKENS if context is None else min(_MISFIT_TOKENS, context // _SHARE_OF_MISFIT)
    quotes = whole_files(files, budget=budget)
    return (
        f"{answered.problem}\n\nThese files as they are now:\n{quotes}" if quotes else answered.problem or ""
    )


def shortened(text: str, most: int) -> str:
    """The text; of a longer one the first and the last half of so many characters."""
    if len(text) <= most:
        return text
    half = most // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{text[-half:]}"


def is_reply(request: str, answered: Answered, text: str) -> bool:
    """Whether nothing in an answer to this message was meant to change a file."""
    if not text.strip() or not answered.fits:
        return False
    if "```" not in text:
        return not answered.files
    return is_question(request) and answered.only_shows


def asks(text: str) -> bool:
    """Whether words alone ask the user something: one of their lines ends with a question mark."""
    return any(line.rstrip(_CLOSING).endswith(_MARKS) for line in text.splitlines())


def is_question(message: str) -> bool:
    """Whether a message only wants to know something."""
    return any(line.rstrip().endswith("?") for line in message.splitlines()) and not _WISH.search(message)


def target_now(state: State) -> Target:
    """Where code without a name belongs; in a conversation about "it", what was changed last."""
    target = state.target
    if not state.settings.chat or target.path in state.files:
        return target
    written = (path for step in reversed(state.steps) for path in step.landing.written)
    likely = [path for path in written if path in state.files]
    if not likely:
        sources = [path for path in state.files if path.endswith(".py") and not is_test(path)]
        likely = sources if len(sources) == 1 else []
    return target.model_copy(update={"path": likely[0]}) if likely else target
