"""The messages that follow an outcome, an unusable answer, or another message of the user. Pure."""

from collections.abc import Mapping

from coder.base.prompts import prompt
from coder.base.text.sanitize import as_bytes
from coder.context.quoting import fenced, shortened, shown_path, whole_files
from coder.edits.edit import Answered
from coder.edits.replies import asks
from coder.engine.prompting.files_shown import latest_plan
from coder.engine.prompting.task_parts import asked_words, plan_words, takes_code, what_to_pass
from coder.models.model import ChatMessage
from coder.run.conversation import answer_in_words, is_rejection
from coder.run.message import HUMAN, CodeMessage, OutcomeMessage, outcomes_in
from coder.run.settings import EditFormat
from coder.run.state import State
from coder.run.stored_file import charsets, readable_texts
from coder.run.target import Target
from coder.run.verdict_words import join_names, why_unverified
from coder.workspace.diff import unified_diff
from coder.workspace.proposal import is_same

_CHANGES_CHARACTERS = 16_000
"""Longest quote of all changes in characters."""
_QUOTED_CHARACTERS = 24_000
"""Longest quote of an answer in characters."""
_MISFIT_TOKENS, _MISFIT_DIVISOR = 40_000, 4
"""Tokens of files that edits don't fit, and the divisor of the context that also limits them."""

_LEFT_OUT = "What you make of these files is left out, and lands only with the user's word"
_CHANGES_IGNORED = "What you make of these files doesn't count, as they decide what passes"


def verdict_words(state: State) -> str | None:
    """Return the report of the model's last turn; None if there is none or the turn isn't over."""
    if state.progress.pending or state.last is None:
        return None
    if state.last.author == HUMAN:
        text = state.last.text or (state.outcome.feedback if state.outcome is not None else "")
        prefix = "[Nothing was written. Your change still stands here. The user says:]\n"
        return f"{prefix if isinstance(state.last, OutcomeMessage) else ''}{text}" if text else None
    outcome = state.outcome
    if outcome is None:
        return None
    code = state.codes[-1]
    if outcome.cause == "no_code":
        return prompt("nudge")
    if outcome.contradicts or (outcome.passed and code.changes.test_edits and not code.changes.files):
        contradicts = (
            f"it contradicts given tests, which fail as they were: {join_names(outcome.contradicts)}"
        )
        reason = contradicts if outcome.contradicts else why_unverified(state, outcome)
        fate = _CHANGES_IGNORED if state.settings.in_place else _LEFT_OUT
        return prompt("needs-word").format(
            why=reason, fate=fate, paths=", ".join(map(shown_path, code.changes.test_edits))
        )
    if not outcome.passed:
        missing_names = ", ".join(outcome.lacks) if outcome.cause == "missing_module" else ""
        install_hint = " where the tests' Python is" if state.settings.chat else " with `--install-with`"
        note = (
            "\n\n" + prompt("not-installed").format(names=missing_names, how=install_hint)
            if missing_names
            else ""
        )
        name = "still-red" if outcome.mended else "not-done"
        return prompt(name).format(feedback=outcome.feedback) + note
    left_out_paths = ", ".join(map(shown_path, [*code.changes.test_edits, *code.changes.left_out]))
    is_noted = left_out_paths and not state.settings.in_place
    note = f"\nLeft out, as it decides what passes: {left_out_paths}." if is_noted else ""
    from coder.verify.time_limits import EXTRA_TEST_S, max_test_s  # imported late: most changes are shown

    reason, most_s = why_unverified(state, outcome), f"{max_test_s(state):g}"
    return prompt("not-shown").format(why=reason, left=note, more_s=EXTRA_TEST_S, most_s=most_s)


def repair_request(
    state: State, target: Target, repaired: CodeMessage, form: EditFormat
) -> list[ChatMessage]:
    """Return the last answer of a model without tools, and its outcome, as the next request quotes them."""
    outcome = next(iter(outcomes_in(reversed(state.progress.messages))), None)
    if outcome is None:
        return []
    feedback = outcome.feedback
    prompt_name = "rejected" if state.last is not None and is_rejection(state.last) else "repair"
    if form == "whole":
        is_single_file = takes_code(state, target) and repaired.changes.files.keys() <= {target.path}
        quote = "\n".join(
            _fenced(path, text, is_code=takes_code(state, target) and path == target.path)
            for path, text in readable_texts(repaired.changes.files, state.files).items()
        )
        request = prompt(prompt_name if is_single_file else f"{prompt_name}-files").format(feedback=feedback)
    else:
        quote = quoted(repaired.text)
        request = prompt(f"{prompt_name}-edits").format(feedback=feedback, changes=_changes(state, repaired))
    return [ChatMessage(role="assistant", content=quote), ChatMessage(role="user", content=request)]


def quoted(text: str) -> str:
    """Return an answer as the next request quotes it, at a bounded length."""
    return shortened(text, _QUOTED_CHARACTERS) or "(empty answer)"


def again_words(edits: Answered, text: str, *, form: EditFormat, is_code: bool) -> str:
    """Return the request to answer again in the format that was asked for first.

    Args:
        is_code: whether one block of Python is the answer.
    """
    instruction = "Answer with each file whole, in a fenced block, its path alone on the line above it."
    if form == "search-replace":
        instruction = "Answer with search/replace blocks."
    elif is_code:
        instruction = "Answer with the complete code in one ```python block."
    if edits.empty and asks(text):
        return f"No user is there to answer a question: decide by yourself. {instruction}"
    if edits.empty:
        return f"Your answer {'holds no code' if is_code else 'changes no file'}. {instruction}"
    return edits.problem or ""


def misfit(edits: Answered, texts: Mapping[str, str | None], *, context: int | None) -> str:
    """Return the report of edits that don't fit, with the nearest lines, or the whole file if no lines
    are near.
    """
    files = {path: text for path in edits.missed if (text := texts.get(path)) is not None}
    budget = _MISFIT_TOKENS if context is None else min(_MISFIT_TOKENS, context // _MISFIT_DIVISOR)
    quotes = whole_files(files, budget=budget)
    return f"{edits.problem}\n\nThese files as they are now:\n{quotes}" if quotes else edits.problem or ""


def next_request(state: State, *, context: int | None, is_reported: bool) -> ChatMessage:
    """Return the message for the user's next request in a dialogue.

    Args:
        is_reported: whether the dialogue already reports the previous outcome.
    """
    edited_note, is_reply = _edits_note(state), answer_in_words(_latest_step(state)) is not None
    is_red = state.progress.baseline is not None and not state.progress.baseline.passed
    parts = [
        "" if is_reported or is_reply else f"[{format_outcome(state)}]",
        *_answered_elsewhere(state),
        edited_note,
        asked_words(state),
        plan_words(latest_plan(state)),
        what_to_pass(state, context, passing_note="") if edited_note and is_red else "",
    ]
    words = "\n\n".join(text for part in parts if (text := part.strip()))
    return ChatMessage(role="user", content=words, images=state.task.pictures)


def format_outcome(state: State) -> str:
    """Describe the outcome of the latest message in the dialogue: written, refused or stopped."""
    latest_step = _latest_step(state)
    if state.dialogue.session.tree:
        return "Stopped by the user. What you have changed is kept here; none of it is written for them yet."
    if latest_step.progress.stopped is not None and latest_step.progress.stopped.status == "interrupted":
        return "Stopped by the user."
    from coder.engine.prompting.history import account  # imported late: most runs have one task

    outcome_text = account(latest_step, fully=False)
    return (
        f"{outcome_text} Your copy is as the user's files again."
        if latest_step.landing.refused is not None
        else outcome_text
    )


def _latest_step(state: State) -> State:
    """Return the state at the latest message that the dialogue holds."""
    unread = state.dialogue.unread
    return state.steps[-1 - (unread.steps if unread is not None else 0)]


def _answered_elsewhere(state: State) -> list[str]:
    """Return the user's later messages that another dialogue has answered, with their outcomes."""
    unread = state.dialogue.unread
    unread_steps = state.steps[-unread.steps :] if unread is not None and unread.steps else ()
    from coder.engine.prompting.history import full_exchange

    return [
        f"[Meanwhile, in another dialogue, the user said:]\n{request}\n[What came of it:]\n{outcome}"
        for request, outcome in map(full_exchange, unread_steps)
    ]


def _edits_note(state: State) -> str:
    """Return a note on files that the user has changed meanwhile, without changes refused or undone."""
    unread, current_files, previous_step = state.dialogue.unread, state.worked, state.steps[-1]
    earlier_files = unread.files if unread is not None else {}
    proposed_paths = {path for code in previous_step.codes for path in code.changes.texts}
    is_reported = previous_step.landing.taken_back or previous_step.landing.refused is not None
    paths = [
        path
        for path in {**earlier_files, **current_files}
        if not is_same(earlier_files.get(path), current_files.get(path))
        and not (is_reported and path in proposed_paths)
    ]
    return f"[The user has changed these files, here too: {join_names(paths)}]" if paths else ""


def _changes(state: State, repaired: CodeMessage) -> str:
    """Return the diff of all that the code changes, at a bounded length."""
    contents_before = {
        path: state.files[path].content if path in state.files else None for path in repaired.changes.files
    }
    contents_after = {
        path: None if text is None else as_bytes(text) for path, text in repaired.changes.files.items()
    }
    patch = unified_diff(contents_before, contents_after, charset_of=charsets(state.files))
    return fenced(shortened(patch, _CHANGES_CHARACTERS), "diff")


def _fenced(path: str, text: str | None, *, is_code: bool) -> str:
    if text is None:
        return f"`{path}` is deleted."
    fenced = f"\n{text.rstrip()}\n```"
    return f"```python{fenced}" if is_code else f"`{path}`\n```{fenced}"
