"""Submission: what the session has changed, as a message of code."""

from coder.engine.participants.role import CODER
from coder.engine.turn.turn import Turn
from coder.run.message import CodeMessage
from coder.run.state import State
from coder.run.target import Target
from coder.workspace.proposal import session_changes


class LastTree:
    """Hands in the session's tree as it is when a limit ends the work, so that it is verified."""

    name = CODER

    async def speak(self, turn: Turn) -> CodeMessage:
        """Hand in the tree."""
        return code_message(turn.state, turn.state.target, "")


def untried_work(state: State) -> CodeMessage | None:
    """What the session has changed since the latest answer that was tried, as a change; None: nothing."""
    if not state.dialogue.session.tree:
        return None
    code = code_message(state, state.target, "")
    return code if code.changes.texts and not code.repeats else None


def has_new_tree(state: State) -> bool:
    """Whether the session has changed files since the latest answer that was tried."""
    return untried_work(state) is not None


def code_message(
    state: State, target: Target, text: str, *, author: str = CODER, check: str = ""
) -> CodeMessage:
    """The session's changes as a message of code."""
    changes = session_changes(state, target)
    last = state.codes[-1] if state.codes else None
    before = last.changes if last is not None else None
    is_same = before is not None and (before.files, before.test_edits) == (changes.files, changes.test_edits)
    return CodeMessage(author=author, text=text, changes=changes, check=check, repeats=is_same and not check)
