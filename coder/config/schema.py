"""What can be configured, and where a value is checked. `layers.py` joins what was said where."""

import os
from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ValidationError

from coder.errors import UsageError
from coder.models.endpoint import for_log, name_for_log
from coder.models.model import Effort
from coder.models.roles import Asked
from coder.run.settings import Budget, Settings, StrategyChoice
from coder.text.redact import redact

BUDGET_KEYS = {
    "samples": "samples",
    "repairs": "repairs",
    "max_calls": "calls",
    "max_tokens": "tokens",
    "max_cost": "cost_usd",
    "max_call_cost": "call_usd",
    "timeout": "seconds",
}
SETTING_KEYS = {
    "strategy": "strategy",
    "plan": "plan",
    "edit_format": "edit_format",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "effort": "effort",
    "max_answer_tokens": "max_answer_tokens",
    "model_timeout": "model_timeout_s",
    "program_timeout": "program_timeout_s",
    "test_timeout": "test_timeout_s",
    "memory": "memory_mb",
    "pids": "processes",
    "cpus": "cpus",
    "sandbox": "backend",
    "image": "image",
    "runtime": "runtime",
    "network": "network",
    "show": "show",
    "add_dir": "add_dirs",
    "python": "python",
    "kernel": "kernel",
    "require": "require",
    "model": "model",
    "base_url": "base_url",
}
ROLES = {
    "planner_model": "planner",
    "coder_model": "coder",
    "strong_model": "expert",
}
"""Key of the configuration → participant."""


def hosts(given: object) -> object:
    """Hosts as a list, or as text with commas; the word `none` is an empty list, and no word is None."""
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        return given
    named = [name.strip() for word in words for name in word.split(",")]
    return tuple(name for name in named if name != "none") if named else None


def names(value: object) -> object:
    """Several names; in a variable of the environment, with commas between."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


def _absolute(value: object) -> object:
    words = names(value)
    return tuple(map(os.path.abspath, words)) if isinstance(words, (list, tuple)) else words


class Config(BaseModel, frozen=True, extra="forbid"):
    """What the layers say together. A field left None takes the default of `Settings`."""

    model: str | None = None
    base_url: str | None = None
    fallback: Annotated[tuple[str, ...] | None, BeforeValidator(names)] = None
    """Who is asked, in this order, when the model can't answer."""
    planner_model: str | None = None
    coder_model: str | None = None
    """It sums up what a conversation has no room for."""
    record: Path | None = None
    sandbox: str | None = None
    image: str | None = None
    runtime: str | None = None
    """Docker's runtime, such as `runsc`."""
    network: Annotated[tuple[str, ...] | None, BeforeValidator(hosts)] = None
    """Hosts that programs may reach; empty is none at all."""
    show: Annotated[tuple[str, ...] | None, BeforeValidator(names)] = None
    add_dir: Annotated[tuple[Path, ...] | None, BeforeValidator(_absolute)] = None
    python: Path | None = None
    kernel: bool | None = None
    """Run code as cells of a Jupyter kernel."""
    require: str | None = None
    """`tests`: no test or check of the answer's own shows that a task is done."""
    strategy: StrategyChoice | None = None
    strong_model: str | None = None
    """Asked where the model has failed, with strategy `escalate`."""
    plan: bool | None = None
    edit_format: str | None = None
    """The form in which the model is asked for changes: whole, search-replace, diff or patch."""
    samples: int | None = None
    repairs: int | None = None
    max_calls: int | None = None
    max_tokens: int | None = None
    max_cost: Decimal | None = None
    """US dollars, also below: of one call."""
    max_call_cost: Decimal | None = None
    timeout: float | None = None
    """Seconds for the whole run; the two below are for one program and for one test command."""
    program_timeout: float | None = None
    test_timeout: float | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    effort: Effort | None = None
    """How much a model that reasons does so: low, medium or high."""
    max_answer_tokens: int | None = None
    """Of one answer, reasoning included; None is the model's own limit."""
    model_timeout: float | None = None
    """Seconds that a model may be silent, before its answer and in it."""
    memory: int | None = None
    """MiB for one program."""
    pids: int | None = None
    cpus: float | None = None

    def budget(self, base: Budget) -> Budget:
        """`base` with the limits that were set here."""
        return base.model_copy(update=_named(self, BUDGET_KEYS))

    def settings(
        self, *, keep: bool = False, allow: tuple[str, ...] = (), replay: Path | None = None
    ) -> Settings:
        """The settings of a run. They go into the log: no password in the base URL."""
        named = _named(self, SETTING_KEYS) | self.answering(replay)
        return Settings(budget=self.budget(Budget()), keep=keep, allow=allow, **named)

    def answering(self, replay: Path | None) -> dict[str, Any]:
        """Who answers, in the fields of Settings; empty where nothing of it was named."""
        asked = self.asked()
        return {} if asked == Asked() and replay is None else answering_fields(asked, replay)

    def changes(self) -> dict[str, Any]:
        """What of Settings was set here, but for who answers and for the limits of the whole run."""
        answering = {"model", "base_url"}
        return _named(self, {key: name for key, name in SETTING_KEYS.items() if key not in answering})

    def asked(self) -> Asked:
        """Who is to answer."""
        roles = {role: name for key, role in ROLES.items() if (name := getattr(self, key)) is not None}
        return Asked(model=self.model, base_url=self.base_url, fallbacks=self.fallback or (), roles=roles)

    def for_log(self) -> "Config":
        """The same without secret parts of addresses, and weights by their absolute path."""
        named: dict[str, Any] = {
            key: _recorded(name) for key in ("model", *ROLES) if (name := getattr(self, key)) is not None
        }
        if self.base_url is not None:
            named["base_url"] = for_log(self.base_url)
        if self.fallback is not None:
            named["fallback"] = tuple(map(_recorded, self.fallback))
        return self.model_copy(update=named)


def default_of(key: str) -> object:
    """The default of a key; None if there is none, or it is determined later."""
    if key in BUDGET_KEYS:
        return getattr(Budget(), BUDGET_KEYS[key])
    return getattr(Settings(), SETTING_KEYS[key]) if key in SETTING_KEYS else None


def over(below: Config, above: Config) -> Config:
    """Two layers together: what the upper one leaves open is as the lower one has it."""
    return below.model_copy(update=above.model_dump(exclude_none=True))


def answering_fields(asked: Asked, replay: Path | None) -> dict[str, Any]:
    """Who answers, in the fields of Settings, as the log may hold it."""
    return {
        "model": asked.model and _recorded(asked.model),
        "base_url": asked.base_url and for_log(asked.base_url),
        "fallbacks": tuple(map(_recorded, asked.fallbacks)),
        "roles": {role: _recorded(name) for role, name in asked.roles.items()},
        "replay": replay and replay.absolute(),
    }


def flag(key: str) -> str:
    """The flag that sets a key of the configuration."""
    return f"--{key.replace('_', '-')}"


def checked(values: Mapping[str, object], called: Callable[[str], str]) -> Config:
    """Values of one layer, checked against every bound of `Settings`; a value of None isn't one.

    Args:
        called: what the layer calls a key, for the message.

    Raises:
        UsageError: names the key as the layer does, and what is wrong with its value.
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
    """What was given instead, for a message; nothing for several words: it names the wrong one."""
    return "" if isinstance(value, tuple) else f", not {redact(repr(value))}"


def _recorded(model: str) -> str:
    """A model's name as it goes into the log: weights by their absolute path, no secret in an address."""
    return name_for_log(_with_absolute_weights(model))


def _with_absolute_weights(model: str) -> str:
    provider, _, file = model.partition("/")
    return (
        f"local/{Path(file).expanduser().absolute()}"
        if provider == "local" and file.endswith(".gguf")
        else model
    )


def _key(field: str) -> str:
    names = {setting: key for key, setting in (BUDGET_KEYS | SETTING_KEYS).items()}
    return names.get(field, field)


def _named(config: Config, names: Mapping[str, str]) -> dict[str, Any]:
    values = {setting: getattr(config, key) for key, setting in names.items()}
    return {setting: value for setting, value in values.items() if value is not None}
