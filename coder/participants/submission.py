"""Submission: what the session has changed, as a message of code."""

from coder.participants.role import CODER
from coder.run.message import Message
from coder.run.state import State
from coder.run.target import Target, target_of
from coder.turn.turn import Turn
from coder.workspace.proposal import session_changes


class LastTree:
    """Hands in the session's tree as it is when a limit ends the work, so that it is verified."""

    name = CODER

    async def speak(self, turn: Turn) -> Message:
        """Hand in the tree."""
        return code_message(turn.state, target_of(turn.state), "")


def untried_work(state: State) -> Message | None:
    """What the session has changed since the latest answer that was tried, as a change; None: nothing."""
    if not state.dialogue.session.tree:
        return None
    code = code_message(state, target_of(state), "")
    return code if (code.files or code.test_edits) and not code.repeats else None


def has_new_tree(state: State) -> bool:
    """Whether the session has changed files since the latest answer that was tried."""
    return untried_work(state) is not None


def code_message(state: State, target: Target, text: str, *, author: str = CODER, check: str = "") -> Message:
    """The session's changes as a message of code."""
    changes = session_changes(state, target)
    last = state.codes[-1] if state.codes else None
    is_same = last is not None and (last.files, last.test_edits) == (changes.files, changes.test_edits)
    return Message(
        author=author,
        kind="code",
        text=text,
        files=changes.files,
        test_edits=changes.test_edits,
        left_out=changes.left_out,
        check=check,
        repeats=is_same and not check,
    )
