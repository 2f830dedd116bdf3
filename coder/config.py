"""Configuration in layers: defaults < the user's file < `CODER_*` < flags.

A repository's `[tool.coder]` may only tighten: smaller budgets and limits than the user's own file and
variables allow. Whatever else it asks for is refused, said, and ignored. Flags come last: they are the user's
word for this run.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from coder.configfile import read_repository_table, read_user_file
from coder.errors import UsageError
from coder.models.address import for_log, name_for_log
from coder.models.book import Book
from coder.models.cast import SUMMARIZER
from coder.models.casting import Asked
from coder.models.catalog import cache_folder
from coder.nearest import or_nearest
from coder.redact import redact
from coder.settings import Budget, Settings, StrategyChoice

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
    "program_timeout": "program_timeout_s",
    "test_timeout": "test_timeout_s",
    "memory": "memory_mb",
    "pids": "processes",
    "cpus": "cpus",
    "sandbox": "backend",
    "image": "image",
    "runtime": "runtime",
    "network": "network",
    "python": "python",
    "kernel": "kernel",
    "model": "model",
    "base_url": "base_url",
}
BOOK_TABLES = ("aliases", "prices", "limits")
"""Tables of the user's file about models; a repository can set none of them."""
TIGHTENING = (*BUDGET_KEYS, "program_timeout", "test_timeout", "memory", "pids", "cpus")
"""What a repository may make smaller."""


def hosts(given: object) -> object:
    """Hosts as a list, or as text with commas; the word `none` is an empty list, and no word is None."""
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, (list, tuple)) or not all(isinstance(word, str) for word in words):
        return given
    named = [name.strip() for word in words for name in word.split(",")]
    return tuple(name for name in named if name != "none") if named else None


ROLES = {
    "planner_model": "planner",
    "coder_model": "coder",
    "cheap_model": SUMMARIZER,
    "strong_model": "expert",
}
"""Key of the configuration → participant."""


def names(value: object) -> object:
    """Several names; in a variable of the environment, with commas between."""
    return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


class Config(BaseModel):
    """What the layers say together. A field left None takes the default of `Settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    base_url: str | None = None
    fallback: Annotated[tuple[str, ...] | None, BeforeValidator(names)] = None
    """Who is asked, in this order, when the model can't answer."""
    planner_model: str | None = None
    coder_model: str | None = None
    cheap_model: str | None = None
    """It sums up what a conversation has no room for."""
    record: Path | None = None
    sandbox: str | None = None
    image: str | None = None
    runtime: str | None = None
    """Docker's runtime, such as `runsc`."""
    network: Annotated[tuple[str, ...] | None, BeforeValidator(hosts)] = None
    """Hosts that programs may reach; empty is none at all."""
    python: Path | None = None
    kernel: bool | None = None
    """Run code as cells of a Jupyter kernel."""
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
        if asked == Asked() and replay is None:
            return {}
        return {
            "model": asked.model and _recorded(asked.model),
            "base_url": asked.base_url and for_log(asked.base_url),
            "fallbacks": tuple(map(_recorded, asked.fallbacks)),
            "roles": {role: _recorded(name) for role, name in asked.roles.items()},
            "replay": replay and replay.absolute(),
        }

    def asked(self) -> Asked:
        """Who is to answer."""
        roles = {role: name for key, role in ROLES.items() if (name := getattr(self, key)) is not None}
        return Asked(model=self.model, base_url=self.base_url, fallbacks=self.fallback or (), roles=roles)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration of one start of the program."""

    config: Config
    notes: tuple[str, ...]
    """What was ignored and why, a line each, for the screen."""
    cost_was_asked: bool
    """The user, not a default and not the repository, set a limit of cost."""
    book: Book
    """What the user's file says of models; nothing else can say it."""


def load(
    flags: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    user_file: Path,
    workspace: Path | None,
) -> Loaded:
    """Read every layer and join them.

    Args:
        flags: key → value of the flags that were given; a value of None is one that was not.
        workspace: the user's folder or file; its `pyproject.toml` is the repository's word.

    Raises:
        UsageError: a value that can't be used, named with the layer that it stands in.
    """
    values, notes = read_user_file(user_file)
    book = _book(values, user_file)
    own, more = _known(values, str(user_file))
    config = checked(own, lambda key: f"{user_file}: {key}")
    variables, from_environment = _variables(environ)
    config = _over(config, checked(variables, lambda key: f"CODER_{key.upper()}"))
    given = checked(flags, flag)
    tightened, refused = _tighten(config, workspace)
    return Loaded(
        config=_over(tightened, given),
        notes=(*notes, *more, *from_environment, *refused),
        cost_was_asked=any(
            limit is not None for limit in (_over(config, given).max_cost, _over(config, given).max_call_cost)
        ),
        book=book,
    )


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
            f"{name}: {first['msg'].removeprefix('Value error, ')}{_but_was(first['input'])}."
        ) from error
    return config


def _but_was(value: object) -> str:
    """What was given instead; nothing for several words, of which the message names the wrong one."""
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


def _over(below: Config, above: Config) -> Config:
    return below.model_copy(update=above.model_dump(exclude_none=True))


def _book(values: dict[str, object], user_file: Path) -> Book:
    """The tables about models, taken out of the values of the user's file."""
    tables = {key: values.pop(key) for key in BOOK_TABLES if key in values}
    try:
        return Book.model_validate(tables | {"cache": cache_folder()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{user_file}: {place}: {first['msg']}{_but_was(first['input'])}.") from error


def _known(values: Mapping[str, object], source: str) -> tuple[dict[str, object], list[str]]:
    known = {key: value for key, value in values.items() if key in Config.model_fields}
    notes = [
        f"{source}: unknown key {key!r} is ignored{or_nearest(key, Config.model_fields)}"
        for key in values
        if key not in known
    ]
    return known, notes


def _variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    notes: list[str] = []
    for name, value in environ.items():
        key = name.removeprefix("CODER_").lower()
        if not name.startswith("CODER_") or not value:
            continue
        if key in Config.model_fields:
            values[key] = value
        # Other programs use the prefix too, so only a name that is nearly one of ours is worth a line.
        elif hint := or_nearest(key, Config.model_fields, cutoff=0.8):
            notes.append(f"{name} is not a setting and is ignored{hint}")
    return values, notes


def _tighten(config: Config, workspace: Path | None) -> tuple[Config, list[str]]:
    if workspace is None:
        return config, []
    path = (workspace if workspace.is_dir() else workspace.parent) / "pyproject.toml"
    table, notes = read_repository_table(path)
    for key, value in table.items():
        refusal = _refusal(key, value, config)
        if refusal is not None:
            notes.append(f"{path}: [tool.coder] {key} is ignored: {refusal}")
        elif key in Config.model_fields:
            config = _over(config, checked({key: value}, str))
    return config, notes


def _refusal(key: str, value: object, config: Config) -> str | None:
    """Why a repository's wish isn't granted; None where it only tightens."""
    if key == "network" and value == "none":
        return None
    if key not in TIGHTENING:
        known = key in Config.model_fields or key in ("network", "api_key", "key", *BOOK_TABLES)
        return "a repository can't set it" if known else f"it is unknown{or_nearest(key, TIGHTENING)}"
    try:
        wish = getattr(checked({key: value}, str), key)
    except UsageError as error:
        return str(error)
    limit = getattr(config, key)
    if limit is None:
        limit = _default(key)
    if limit is not None and wish > limit:
        return f"{wish} is more than {limit}, and a repository may only tighten"
    return None


def _default(key: str) -> object:
    if key in BUDGET_KEYS:
        return getattr(Budget(), BUDGET_KEYS[key])
    return getattr(Settings(), SETTING_KEYS[key])
