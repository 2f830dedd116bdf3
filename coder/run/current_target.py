"""The target of an answer in a conversation. Pure."""

from coder.run.state import State
from coder.run.target import Target, is_test


def current_target(state: State) -> Target:
    """Return the default target of code; in a conversation, the file that was changed last."""
    target = state.target
    if not state.settings.chat or target.path in state.files:
        return target
    written_paths = (path for step in reversed(state.steps) for path in step.landing.written)
    candidates = [path for path in written_paths if path in state.files]
    if not candidates:
        sources = [path for path in state.files if path.endswith(".py") and not is_test(path)]
        candidates = sources if len(sources) == 1 else []
    return target.model_copy(update={"path": candidates[0]}) if candidates else target
