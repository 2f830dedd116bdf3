"""Config: validated options of one or more layers; `layers.py` joins the layers."""

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
from sandbox.result import Value


class Config(Value):
    """The options that layers have set; other options have their defaults."""

    options: Settings = Settings()
    """Names and addresses of models here may contain secrets; `settings` removes them."""

    @property
    def names(self) -> frozenset[str]:
        """Names of the options that were set."""
        options = self.options
        return frozenset((options.model_fields_set - {"budget"}) | options.budget.model_fields_set)

    def value(self, name: str) -> Any:  # noqa: ANN401 - of whatever type the option has
        """Return the value of an option, or its default."""
        return getattr(self.options.budget if name in Budget.model_fields else self.options, name)

    def budget(self, base: Budget) -> Budget:
        """Return `base` with the limits that are set in this configuration."""
        return base.model_copy(update=_set_fields(self.options.budget))

    def settings(self, *, replay: Path | None = None) -> Settings:
        """Return the settings of a run for the log, without secrets."""
        logged = self.for_log().options
        return logged if replay is None else logged.model_copy(update={"replay": replay.absolute()})

    def changes(self) -> dict[str, Any]:
        """Return the fields of Settings that were set here, without models and whole-run limits."""
        models = {"model", "base_url", "api", "fallback", *ROLES}
        return {
            name: value
            for name, value in _set_fields(self.options).items()
            if name not in models and name != "budget"
        }

    def models(self) -> Asked:
        """Return the models that the user named."""
        return asked_of(self.options)

    def for_log(self) -> "Config":
        """Return a copy for the log, without secrets in addresses and with absolute paths of weights."""
        logged = logged_models(self.models())
        update = {name: value for name, value in logged.items() if name in self.names}
        return Config(options=self.options.model_copy(update=update))


def over(below: Config, above: Config) -> Config:
    """Return two merged layers: options that the upper layer doesn't set come from the lower one."""
    limits = above.options.budget.model_fields_set
    update = _set_fields(above.options) | ({"budget": above.budget(below.options.budget)} if limits else {})
    return Config(options=below.options.model_copy(update=update))


def answering_fields(asked: Asked, replay: Path | None) -> dict[str, Any]:
    """Return the fields of Settings about models and replay, without secrets."""
    return {**logged_models(asked), "replay": replay and replay.absolute()}


def flag(key: str) -> str:
    """Return the flag that sets an option."""
    return f"--{key.replace('_', '-')}"


def variable(key: str) -> str:
    """Return the environment variable that sets an option."""
    return f"CODER_{key.upper()}"


def checked(values: Mapping[str, object], called: Callable[[str], str]) -> Config:
    """Return the validated values of one layer; values of None are omitted.

    Args:
        called: returns an option's name in this layer, for the message of a UsageError.
    """
    options = {key: words_of(key, value) for key, value in values.items()}
    options = {key: value for key, value in options.items() if value is not None}
    limits = {key: options.pop(key) for key in Budget.model_fields if key in options}
    try:
        return Config(options=Settings.model_validate(options | ({"budget": limits} if limits else {})))
    except ValidationError as error:
        problem = error.errors()[0]
        name = called(next(str(part) for part in problem["loc"] if part != "budget"))
        raise UsageError(
            f"{name}: {problem['msg'].removeprefix('Value error, ')}{but_was(problem['input'])}."
        ) from error


def words_of(key: str, value: object) -> object:
    """Return the value of an option, split into words if it takes words; text and some flags use commas.

    The word `none` gives an empty list. Without a word, the value is None, as if the flag wasn't given.
    """
    words = [value] if isinstance(value, str) else value
    is_list = isinstance(words, (list, tuple)) and all(isinstance(word, str) for word in words)
    if OPTIONS[key].kind is not Words or not isinstance(words, (list, tuple)) or not is_list:
        return value
    if isinstance(value, str) or OPTIONS[key].commas:
        words = [part.strip() for word in words for part in word.split(",")]
    return tuple(word for word in words if word != "none") if words else None


def but_was(value: object) -> str:
    """Return `, not VALUE` for an error message; empty for a tuple, as the message names the invalid word."""
    return "" if isinstance(value, tuple) else f", not {redact(repr(value))}"


def _set_fields(model: BaseModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.model_fields_set}
