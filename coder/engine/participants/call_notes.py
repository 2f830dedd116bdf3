"""Notes in the results of calls: what an interrupted call, a new session or a program's calls mean."""

from collections.abc import Mapping, Sequence

from coder.base.text.sanitize import one_line
from coder.models.model import ToolCall
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.verdict_words import join_names

_RESTARTED = (
    "[The session was restarted: files are as after the last answered call, with what the user has edited "
    "since. Background programs, /tmp and what was installed are gone.]\n"
)
_RESTARTED_IN_PLACE = "[The session was restarted: what commands had left running may be gone.]\n"
_NEW_COPY = (
    "[This is a fresh copy of the user's files: what you had changed, started or installed in an earlier one "
    "is gone.]\n"
)
_CUT_OFF = (
    "[This call was cut off when the run stopped. It was not made again; nothing that it changed is kept.]"
)
_CUT_OFF_IN_PLACE = (
    "[This call was cut off when the run stopped. It was not made again; what it changed is kept.]"
)
BROKEN = "[The session broke down in this call, which was not made again.]"
_READ_ONLY = (
    "read-only here, as this machine lays no overlay: {}. Install elsewhere: npm install --prefix /tmp/node, "
    "with NODE_PATH=/tmp/node/node_modules"
)
_SHOWN_CHARACTERS, _SHOWN_CALLS = 200, 20
"""Characters shown of a call by a program, and number of calls shown."""


def with_notes(
    text: str, state: State, left_out: Sequence[str], read_only: str, *, is_restarted: bool
) -> str:
    """Return the text of a result with what the model must know of its session.

    Args:
        left_out: changed files that the run doesn't take over, or that can't land, each with the reason.
        read_only: folders that programs can't write; empty if the model knows.
        is_restarted: whether the call was made in another session than the one before.
    """
    if left_out and state.dialogue.session.original is None:
        fate = "not in the patch of the run" if state.settings.in_place else "left out, lands nowhere"
        text = f"{text}\n[{fate}: {join_names(left_out)}]"
    if read_only:
        text = f"{text}\n[{_READ_ONLY.format(read_only)}]"
    return f"{_restarted_words(state)}{text}" if is_restarted else text


def denied_lines(state: State, changes: Mapping[str, StoredFile | None]) -> list[str]:
    """Return a line for each file changed by a call that a permission rule denies, with the rule."""
    from coder.workspace.consent import rulings_of  # imported late: few users have rules
    from coder.workspace.proposal import is_same

    changed_paths = [path for path, file in changes.items() if not is_same(state.files.get(path), file)]
    rulings = rulings_of(state, changed_paths).items()
    return [f"{path}: by the rule {ruling}" for path, ruling in rulings if ruling.verdict == "deny"]


def _restarted_words(state: State) -> str:
    """Return a note on what a new session lacks."""
    if state.dialogue.session.original is not None:
        return _NEW_COPY
    return _RESTARTED_IN_PLACE if state.settings.in_place else _RESTARTED


def cut_off_words(state: State) -> str:
    """Return a note on the outcome of a call that was cut off when the run stopped."""
    return _CUT_OFF_IN_PLACE if state.settings.in_place else _CUT_OFF


def program_effects(state: State, call: ToolCall) -> str:
    """Return a text on the effects of a call's programs; empty if there are none."""
    effects = [effect for effect in state.dialogue.session.effects if effect.id == call.id]
    lines = [
        f"{effect.name}({one_line(effect.arguments, width=_SHOWN_CHARACTERS)})"
        for effect in effects[-_SHOWN_CALLS:]
    ]
    if effects and state.dialogue.session.open_effect is effects[-1]:
        lines[-1] += ": cut off, it may have had its effect or not"
    if len(effects) > _SHOWN_CALLS:
        lines.insert(0, f"{len(effects) - _SHOWN_CALLS} others")
    return f"\n[Its programs had called {'; '.join(lines)}.]" if effects else ""
