"""EndHooks: the hooks at the end of a model's turn."""

from coder.engine.participants.hook_runs import HookRuns
from coder.engine.turn.turn import Turn
from coder.run.message import Message
from sandbox import SandboxBroken

MAX_STOP_BLOCKS = 8
"""Times in one turn that hooks can make the model continue; the next end is final."""


class EndHooks:
    """The hooks at the end of one turn, which can make its model continue."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._blocks = 0
        """Times that a hook has blocked the end of this turn."""

    async def checked(self, message: Message) -> Message | str:
        """Return the message that ends the turn, or the text for the model if it must continue."""
        turn = self._turn
        hooks = HookRuns.of(turn.journal, turn.bench)
        if not hooks.has("Stop"):
            return message
        turn.bench.has_run_stop_hooks = True
        if self._blocks == MAX_STOP_BLOCKS:
            return message
        objection = await _objection(turn, hooks, is_repeated=self._blocks > 0)
        if objection is not None:
            self._blocks += 1
            return turn.bench.redactor.redact(objection)
        return message


async def _objection(turn: Turn, hooks: HookRuns, *, is_repeated: bool) -> str | None:
    if not hooks.of_files.has("Stop"):
        return await hooks.objection_to_stop(None, is_repeated=is_repeated)
    session_tree = await turn.bench.session(turn.state)
    try:
        return await hooks.objection_to_stop(session_tree, is_repeated=is_repeated)
    except SandboxBroken:
        return None
