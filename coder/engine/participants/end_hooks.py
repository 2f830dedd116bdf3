"""EndHooks: the hooks at the end of a model's turn."""

from collections.abc import Callable

from coder.engine.participants.hook_runs import HookRuns
from coder.engine.turn.turn import Turn
from coder.run.event_types import ToolAnswered
from coder.run.message import CodeMessage, Message
from sandbox import SandboxBroken

MAX_STOP_BLOCKS = 8
"""Times in one turn that hooks can make the model continue; the next end is final."""


class EndHooks:
    """The hooks at the end of one turn, which can make its model continue."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._blocks = 0
        """Times that a hook has blocked the end of this turn."""

    async def checked(self, message: Message, code: Callable[..., CodeMessage]) -> Message | str:
        """Return the message that ends the turn, or the text for the model if it must continue.

        Changes of a repository's hook in the session are logged, as they belong to the work.

        Args:
            code: makes the message of the session's changes, by its text and its check.
        """
        turn, state = self._turn, self._turn.state
        hooks = HookRuns.of(turn.journal, turn.bench.redactor.redact)
        if not hooks.has("Stop"):
            return message
        turn.bench.has_run_stop_hooks = True
        if self._blocks == MAX_STOP_BLOCKS:
            return message
        objection = await _objection(turn, hooks, is_repeated=self._blocks > 0)
        if objection is not None:
            self._blocks += 1
            return turn.bench.redactor.redact(objection)
        if isinstance(message, CodeMessage) and turn.state is not state:  # a hook has changed files
            return code(message.text, check=message.check)
        return message


async def _objection(turn: Turn, hooks: HookRuns, *, is_repeated: bool) -> str | None:
    if not hooks.of_files.has("Stop"):
        return await hooks.objection_to_stop(None, is_repeated=is_repeated)
    session_tree = await turn.bench.session(turn.state)
    try:
        objection = await hooks.objection_to_stop(session_tree.session, is_repeated=is_repeated)
        changes, left_out = await session_tree.changes()
    except SandboxBroken:
        return None
    if changes:
        calls = turn.state.spend.calls
        await turn.journal.append(
            ToolAnswered(call=calls, id="", name="edits", text="", changes=changes, left_out=left_out)
        )
    return objection
