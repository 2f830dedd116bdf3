"""Acting: the first request to a model that works in a session, and the words about verdicts and misfits."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from coder.context.quoting import shown_path, whole_files
from coder.edits.answer import Answered
from coder.models.model import ChatMessage
from coder.prompting.history import history, history_budget
from coder.prompting.messages import task_words
from coder.prompts import prompt
from coder.run.message import HUMAN, Message
from coder.run.state import State
from coder.run.target import Target
from coder.run.termination import named, why_unverified

if TYPE_CHECKING:
    from coder.context.survey import Survey

_MISFIT_TOKENS = 40_000
"""Of files that the edits of an answer don't fit."""


def first_request(
    state: State, target: Target, survey: "Survey | None", *, context: int | None
) -> list[ChatMessage]:
    """The messages that a dialogue begins with."""
    words = task_words(
        state, target, survey, context=context, form="search-replace", green=prompt("act-green"), heads=True
    )
    return [
        ChatMessage(role="system", content=prompt("act")),
        *history(state, budget=history_budget(context)),
        ChatMessage(role="user", content=words, images=state.task.pictures),
    ]


def verdict_words(state: State) -> str | None:
    """What came of the model's last turn; None where nothing has, or the turn isn't over."""
    if state.pending or state.last is None:
        return None
    if state.last.author == HUMAN:
        return state.last.text or (state.outcome.feedback if state.outcome is not None else None)
    outcome = state.outcome
    if outcome is None:
        return None
    code = state.codes[-1]
    if outcome.cause == "no_code":
        return prompt("nudge")
    if outcome.contradicts or (outcome.passed and code.test_edits and not code.files):
        contradicts = f"it contradicts given tests, which fail as they were: {named(outcome.contradicts)}"
        why = contradicts if outcome.contradicts else why_unverified(state, outcome)
        return prompt("needs-word").format(why=why, paths=", ".join(map(shown_path, code.test_edits)))
    if not outcome.passed:
        return prompt("not-done").format(feedback=outcome.feedback)
    if outcome.lint:
        return outcome.feedback
    return prompt("not-shown").format(why=why_unverified(state, outcome), left=_left(code))


def misfit(answered: Answered, texts: Mapping[str, str]) -> str:
    """The words about edits that were not made, with their files as they are now."""
    files = {path: texts[path] for path in answered.missed if path in texts}
    shown = whole_files(files, budget=_MISFIT_TOKENS)
    return f"{answered.problem}\n\nThese files as they are now:\n{shown}" if shown else answered.problem or ""


def _left(code: Message) -> str:
    left = [*code.test_edits, *code.left_out]
    return f"\nLeft out, as it decides what passes: {', '.join(map(shown_path, left))}." if left else ""
