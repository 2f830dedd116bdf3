"""The outcome of an answer that changes no file, so that there is nothing to run."""

from coder.run.message import CodeMessage, Outcome
from coder.run.state import State

_SHOWN_CHARACTERS = 200
"""Show at most this many characters of an answer without code."""


def outcome_without_change(state: State, code: CodeMessage) -> Outcome:
    """Return the outcome: the reason why the answer's edits were refused, or that the answer has none."""
    if code.changes.problem:
        return Outcome(passed=False, verified="none", feedback=code.changes.problem)
    first_line = next(filter(None, map(str.strip, code.text.splitlines())), "")
    if not first_line:
        return Outcome(passed=False, verified="none", feedback="The answer was empty.")
    feedback = "No file was changed." if state.dialogue.messages else "The answer held no code."
    note = f"it says: {first_line[:_SHOWN_CHARACTERS]}"
    return Outcome(passed=False, verified="none", feedback=feedback, note=note, cause="no_code")
