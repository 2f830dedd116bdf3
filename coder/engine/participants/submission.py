"""Turn the session's changes into a message of code, and the edits of an answer into changes."""

from collections.abc import Mapping

from coder.engine.participants.role import CODER
from coder.engine.turn.turn import Turn
from coder.run.event_types import ToolAnswered
from coder.run.message import CodeMessage
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.workspace.proposal import session_changes, text_file


class LastTree:
    """Hands in the session's files when a limit ends the work, so that they are verified."""

    name = CODER

    async def speak(self, turn: Turn) -> CodeMessage:
        """Hand in the session's files."""
        return code_message(turn.state, turn.state.target, "")


def untried_work(state: State) -> CodeMessage | None:
    """Return the session's changes since the latest verified answer as a message; None if there are none."""
    if not state.dialogue.session.tree:
        return None
    code = code_message(state, state.target, "")
    return code if code.changes.texts and not code.repeats else None


def has_new_tree(state: State) -> bool:
    """Return whether the session has changed files since the latest verified answer."""
    return untried_work(state) is not None


def code_message(
    state: State, target: Target, text: str, *, author: str = CODER, check: str = ""
) -> CodeMessage:
    """Return the session's changes as a message of code."""
    changes = session_changes(state, target)
    latest = state.codes[-1] if state.codes else None
    changes_before = latest.changes if latest is not None else None
    is_unchanged = changes_before is not None and (changes_before.files, changes_before.test_edits) == (
        changes.files,
        changes.test_edits,
    )
    return CodeMessage(
        author=author, text=text, changes=changes, check=check, repeats=is_unchanged and not check
    )


async def write_edits(turn: Turn, files: Mapping[str, str | None]) -> None:
    """Write the edits that an answer's text holds into the session."""
    state = turn.state
    changes: dict[str, StoredFile | None] = {
        path: text_file(text, like=state.dialogue.session.tree.get(path) or state.files.get(path))
        for path, text in files.items()
    }
    if turn.bench.open_session is not None or state.settings.in_place:
        await (await turn.bench.session(state)).write(changes)
    event = ToolAnswered(call=state.spend.calls, id="", name="edits", text="", changes=changes)
    await turn.journal.append(event)
