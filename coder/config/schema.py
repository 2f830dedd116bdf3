"""Keys of the configuration and their checks. `layers.py` joins the layers."""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from coder.base.errors import UsageError
from coder.base.text.redact import redact
from coder.models.model import Effort
from coder.models.roles import Asked
from coder.run.settings import Budget, Settings, StrategyChoice

BUDGET_KEYS = {
    "samples": "samples",
    "repairs": "repairs",
    "max_calls": "calls",
    "max_tokens": "tokens",
    "max_cost": "cost_usd",
    "max_call_cost": "call_usd",
    "timeout": "seconds",
}
_SAME = (
    "strategy plan edit_format temperature top_p seed effort max_answer_tokens cpus image runtime network "
    "show python kernel require approve"
)
SETTING_KEYS = {key: key for key in _SAME.split()} | {
    "model_timeout": "model_timeout_s",
    "program_timeout": "program_timeout_s",
    "test_timeout": "test_timeout_s",
    "memory": "memory_mb",
    "pids": "processes",
    "sandbox": "backend",
    "add_dir": "add_dirs",
}
"""Key of the configuration → field of `Settings`; above, of `Budget`."""
ROLES = {"planner_model": "planner", "coder_model": "coder", "strong_model": "expert"}
"""Key of the configuration → participant."""


def listed(value: object) -> object:
    """Split text at commas; `none` gives an empty list, and an empty list gives None."""
    words = [value] if isinstance(value, str) else value
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        return value
    items = [item.strip() for word in words for item in word.split(",")]
    return tuple(item for item in items if item != "none") if items else None


def names(value: object) -> object:
    """Split the names of an environment variable at commas; an empty flag counts as not set."""
    if value in ((), []):
        return None
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _absolute(value: object) -> object:
    words = names(value)
    return tuple(map(os.path.abspath, words)) if isinstance(words, (list, tuple)) else words


class Config(BaseModel, frozen=True, extra="forbid"):
    """The joined layers; `Settings` explains the fields. None: the default of `Settings`."""

    model: str | None = None
    base_url: str | None = None
    fallback: Annotated[tuple[str, ...] | None, BeforeValidator(names)] = None
    planner_model: str | None = None
    coder_model: str | None = None
    record: Path | None = None
    sandbox: str | None = None
    image: str | None = None
    runtime: str | None = None
    network: Annotated[tuple[str, ...] | None, BeforeValidator(listed)] = None
    show: Annotated[tuple[str, ...] | None, BeforeValidator(names)] = None
    add_dir: Annotated[tuple[Path, ...] | None, BeforeValidator(_absolute)] = None
    python: Path | None = None
    kernel: bool | None = None
    require: str | None = None
    approve: Annotated[tuple[str, ...] | None, BeforeValidator(listed)] = None
    strategy: StrategyChoice | None = None
    strong_model: str | None = None
    plan: bool | None = None
    edit_format: str | None = None
    samples: int | None = None
    repairs: int | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: Decimal | None = None
    max_call_cost: Decimal | None = None
    timeout: float | None = None
    program_timeout: float | None = None
    test_timeout: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    effort: Effort | None = None
    max_answer_tokens: int | None = None
    model_timeout: float | None = None
    memory: int | None = None
    pids: int | None = None
    cpus: float | None = None

    def budget(self, base: Budget) -> Budget:
        """`base` with the limits that are set here."""
        return base.model_copy(update=_named(self, BUDGET_KEYS))

    def settings(self, *, replay: Path | None = None) -> Settings:
        """Settings of a run, without a password in the base URL: they are logged."""
        models = self.models()
        who = {} if models == Asked() and replay is None else answering_fields(models, replay)
        return Settings(budget=self.budget(Budget()), **self.changes(), **who)

    def changes(self) -> dict[str, Any]:
        """Fields of Settings that are set here, except models and the limits of the whole run."""
        return _named(self, SETTING_KEYS)

    def models(self) -> Asked:
        """The models that this configuration names."""
        roles = {role: name for key, role in ROLES.items() if (name := getattr(self, key)) is not None}
        return Asked(model=self.model, base_url=self.base_url, fallbacks=self.fallback or (), roles=roles)

    def for_log(self) -> "Config":
        """Copy without secret parts of addresses, and with absolute paths of weights."""
        models = self.models().for_log()
        changes = {
            "model": models.model,
            "base_url": models.base_url,
            "fallback": models.fallbacks or self.fallback,
        }
        return self.model_copy(update=changes | {key: models.roles.get(role) for key, role in ROLES.items()})


def default_of(key: str) -> object:
    """The default of a key; None if there is none, or it is determined later."""
    if key in BUDGET_KEYS:
        return getattr(Budget(), BUDGET_KEYS[key])
    return getattr(Settings(), SETTING_KEYS[key]) if key in SETTING_KEYS else None


def over(below: Config, above: Config) -> Config:
    """Join two layers; the upper one wins where it sets a value."""
    return below.model_copy(update=above.model_dump(exclude_none=True))


def answering_fields(models: Asked, replay: Path | None) -> dict[str, Any]:
    """Fields of Settings that name the models, without secrets."""
    return models.for_log().model_dump() | {"replay": replay and replay.absolute()}


def flag(key: str) -> str:
    """The flag that sets a key of the configuration."""
    return f"--{key.replace('_', '-')}"


def checked(values: Mapping[str, object], called: Callable[[str], str]) -> Config:
    """Check values of one layer against all bounds of `Settings`; None isn't a value.

    Args:
        called: what the layer calls a key, for the message of a UsageError.
    """
    try:
        config = Config.model_validate({key: value for key, value in values.items() if value is not None})
        Budget.model_validate(_named(config, BUDGET_KEYS))
        Settings.model_validate(_named(config, SETTING_KEYS))
    except ValidationError as error:
        first = error.errors()[0]
        name = called(_key(str(first["loc"][0])))
        raise UsageError(
            f"{name}: {first['msg'].removeprefix('Value error, ')}{but_was(first['input'])}."
        ) from error
    return config


def but_was(value: object) -> str:
    """The wrong value for a message; empty for several words, as the message names the wrong one."""
    return "" if isinstance(value, tuple) else f", not {redact(repr(value))}"


def _key(field: str) -> str:
    names = {setting: key for key, setting in (BUDGET_KEYS | SETTING_KEYS).items()}
    return names.get(field, field)


def _named(config: Config, names: Mapping[str, str]) -> dict[str, Any]:
    values = {setting: getattr(config, key) for key, setting in names.items()}
    return {setting: value for setting, value in values.items() if value is not None}
