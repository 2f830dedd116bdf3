"""What can be configured, and where a value is checked. `layers.py` joins what was set where."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from coder.base.errors import UsageError
from coder.base.text.redact import redact
from coder.models.roles import Asked
from coder.run.model_choice import asked_of, logged_models
from coder.run.option_table import OPTIONS, Words
from coder.run.settings import ROLES, Budget, Settings


class Config(BaseModel, frozen=True, extra="forbid"):
    """The options that layers have set; the others are at their defaults."""

    options: Settings = Settings()
    """Names and addresses of models in it may hold secrets: `settings` has none."""

    @property
    def names(self) -> frozenset[str]:
        """The options that were set."""
        options = self.options
        return frozenset((options.model_fields_set - {"budget"}) | options.budget.model_fields_set)

    def value(self, name: str) -> Any:  # noqa: ANN401 - of whatever type the option has
        """The value of an option, or its default."""
        return getattr(self.options.budget if name in Budget.model_fields else self.options, name)

    def budget(self, base: Budget) -> Budget:
        """`base` with the limits that were set here."""
        return base.model_copy(update=_set_fields(self.options.budget))

    def settings(self, *, replay: Path | None = None) -> Settings:
        """The settings of a run. They go into the log: no password in the base URL."""
        safe = self.for_log().options
        return safe if replay is None else safe.model_copy(update={"replay": replay.absolute()})

    def changes(self) -> dict[str, Any]:
        """The fields of Settings that were set here, without models and the limits of the whole run."""
        models = {"model", "base_url", "fallback", *ROLES}
        return {
            name: value
            for name, value in _set_fields(self.options).items()
            if name not in models and name != "budget"
        }

    def models(self) -> Asked:
        """Who is to answer."""
        return asked_of(self.options)

    def for_log(self) -> "Config":
        """Return the configuration for the log: no secrets in addresses, absolute paths of weights."""
        safe = logged_models(self.models())
        update = {name: value for name, value in safe.items() if name in self.names}
        return Config(options=self.options.model_copy(update=update))


def over(below: Config, above: Config) -> Config:
    """Two layers together: what the upper one leaves open is as the lower one has it."""
    limits = above.options.budget.model_fields_set
    update = _set_fields(above.options) | ({"budget": above.budget(below.options.budget)} if limits else {})
    return Config(options=below.options.model_copy(update=update))


def answering_fields(asked: Asked, replay: Path | None) -> dict[str, Any]:
    """Who answers, in the fields of Settings, as the log may hold it."""
    return {**logged_models(asked), "replay": replay and replay.absolute()}


def flag(key: str) -> str:
    """The flag that sets an option."""
    return f"--{key.replace('_', '-')}"


def variable(key: str) -> str:
    """The variable of the environment that sets an option."""
    return f"CODER_{key.upper()}"


def checked(values: Mapping[str, object], called: Callable[[str], str]) -> Config:
    """Values of one layer, checked against the types and bounds of the table; a value of None isn't one.

    Args:
        called: what the layer calls an option, for the message of a UsageError.
    """
    named = {key: words_of(key, value) for key, value in values.items()}
    named = {key: value for key, value in named.items() if value is not None}
    limits = {key: named.pop(key) for key in Budget.model_fields if key in named}
    try:
        return Config(options=Settings.model_validate(named | ({"budget": limits} if limits else {})))
    except ValidationError as error:
        first = error.errors()[0]
        name = called(next(str(part) for part in first["loc"] if part != "budget"))
        raise UsageError(
            f"{name}: {first['msg'].removeprefix('Value error, ')}{but_was(first['input'])}."
        ) from error


def words_of(key: str, value: object) -> object:
    """The value of an option; if it takes words, a list of them, which text and some flags part by commas.

    The word `none` is an empty list; no word is None: an empty flag wasn't given.
    """
    words = [value] if isinstance(value, str) else value
    is_list = isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words)
    if OPTIONS[key].kind is not Words or not isinstance(words, (list, tuple)) or not is_list:
        return value
    if isinstance(value, str) or OPTIONS[key].commas:
        words = [part.strip() for word in words for part in word.split(",")]
    return tuple(word for word in words if word != "none") if words else None


def but_was(value: object) -> str:
    """The wrong value for a message; empty for several words, as the message names the wrong one."""
    return "" if isinstance(value, tuple) else f", not {redact(repr(value))}"


def _set_fields(of: BaseModel) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.model_fields_set}
