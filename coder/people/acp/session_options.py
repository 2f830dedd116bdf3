"""Options of a session that a client shows and sets: mode, model, strategy and effort."""

from collections.abc import Iterable, Sequence

from acp.schema import (
    ConfigOptionUpdate,
    CurrentModeUpdate,
    SessionConfigOptionBoolean,
    SessionConfigOptionSelect,
    SessionConfigSelectOption,
    SessionMode,
    SessionModeState,
)

from coder.base.errors import UsageError
from coder.engine.teams.strategies import STRATEGIES
from coder.people.acp.editor_session import MODES, EditorSession
from coder.run.message import EXPERT

Options = list[SessionConfigOptionSelect | SessionConfigOptionBoolean]
_DEFAULT_EFFORT = "default"
_EFFORTS = (_DEFAULT_EFFORT, "low", "medium", "high")
_IN_NO_CHAT = "best-of-n"


def mode_state(session: EditorSession) -> SessionModeState:
    """Return the modes, for clients that don't show options."""
    modes = [SessionMode(id=mode, name=mode.title(), description=text) for mode, text in MODES.items()]
    return SessionModeState(current_mode_id=session.mode, available_modes=modes)


def options_of(session: EditorSession) -> Options:
    """Return all options with their values."""
    settings, model = session.chat.settings, session.chat.model.name
    models = dict.fromkeys((model, *session.model_names))
    return [
        _select("mode", "Mode", session.mode, MODES, category="mode"),
        _select("model", "Model", model, models, category="model"),
        _select("strategy", "Strategy", settings.strategy or "auto", _strategies(session)),
        _select("effort", "Effort", settings.effort or _DEFAULT_EFFORT, _EFFORTS, category="thought_level"),
    ]


async def set_option(session: EditorSession, name: str, value: object) -> None:
    """Set an option from the next message on.

    Raises UsageError if there is no such option or value, or the session is busy.
    """
    chat = session.chat
    match name:
        case "mode":
            session.set_mode(str(value))
            session.watch.send(
                CurrentModeUpdate(session_update="current_mode_update", current_mode_id=session.mode)
            )
        case "model":
            await session.switch_model(str(value))
        case "strategy":
            strategy = _one_of(value, _strategies(session), name)
            chat.settings = chat.settings.model_copy(update={"strategy": strategy})
        case "effort":
            effort = _one_of(value, _EFFORTS, name)
            update = {"effort": None if effort == _DEFAULT_EFFORT else effort}
            chat.settings = chat.settings.model_copy(update=update)
        case _:
            raise UsageError(f"There is no option {name!r}. Name one of: mode, model, strategy, effort")


def options_update(session: EditorSession) -> ConfigOptionUpdate:
    """Return the update that shows all options."""
    return ConfigOptionUpdate(session_update="config_option_update", config_options=options_of(session))


def _strategies(session: EditorSession) -> tuple[str, ...]:
    names = [name for name in STRATEGIES if name != _IN_NO_CHAT]
    has_expert = EXPERT in session.chat.settings.roles
    return ("auto", *(name for name in names if name != "escalate" or has_expert))


def _one_of(value: object, values: Sequence[str], name: str) -> str:
    if value not in values:
        raise UsageError(f"There is no {name} {value!r}. Name one of: {', '.join(values)}")
    return str(value)


def _select(
    name: str, title: str, value: str, values: Iterable[str], *, category: str | None = None
) -> SessionConfigOptionSelect:
    options = [SessionConfigSelectOption(value=one, name=one) for one in values]
    return SessionConfigOptionSelect(
        type="select",
        id=name,
        name=title,
        current_value=value,
        options=options,
        category=category,  # type: ignore[arg-type]  # a literal of the schema
    )
