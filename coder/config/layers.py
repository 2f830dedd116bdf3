"""Configuration in layers: defaults < the user's file < `CODER_*` < flags.

Between the variables and the flags a repository's `[tool.coder]` and a task file may lower limits (`tighten`,
`lowered`). Flags come last: they are the user's word for this run.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.base.fs.private_folder import cache_folder, config_folder
from coder.base.fs.safe_open import read_named
from coder.base.text.sanitize import suggest_nearest
from coder.config.schema import Config, but_was, checked, flag, over, variable
from coder.models.catalog import UserModels
from coder.run.option_table import KEYS, LOWERED

if TYPE_CHECKING:
    from coder.config.mcp_servers import Mcp

BOOK_TABLES = ("aliases", "prices", "limits")
"""Tables of the user's file about models; a repository can set none of them."""
TEAMS = "teams"
"""Table of the user's file that holds teams by name; no repository's."""


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Options of a task file."""

    source: str
    """The file, for notes."""
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration of one start of the program."""

    config: Config
    notes: tuple[str, ...]
    """What was ignored and why, a line each, for the screen."""
    cost_was_asked: bool
    """The user, not a default and not the repository, set a limit of cost."""
    book: UserModels
    """What the user's file says of models; nothing else can say it."""
    servers: tuple["Mcp", ...]
    """Of MCP, in the user's file alone."""
    teams: Mapping[str, object]
    """What the user's file says of teams, by name."""
    origins: Mapping[str, str]
    """Key → source of its value; keys at their default are missing."""


def load(
    flags: Mapping[str, object] = MappingProxyType({}),
    *,
    environ: Mapping[str, str] = os.environ,
    user_file: Path | None = None,
    workspace: Path | None = None,
    task: TaskOptions | None = None,
) -> Loaded:
    """Read every layer and join them.

    Args:
        flags: key → value of the flags that were given; a value of None is one that was not.
        user_file: None is the usual place.
        workspace: the user's folder or file; its `pyproject.toml` is the repository's word.
        task: the options of a task file.

    Raises:
        UsageError: a value can't be used; the message names its layer.
    """
    file = user_file or usual_user_file()
    values = read_toml(file)
    book = _book(values, file)
    servers = _servers(values.pop("mcp", {}), file)
    teams = values.pop(TEAMS, {})
    own, notes = _known(values, str(file))
    config = checked(own, lambda key: f"{file}: {key}")
    variables, from_environment = _variables(environ)
    config = over(config, checked(variables, variable))
    flag_config = checked(flags, flag)
    tightened, refused = tighten(config, workspace)
    task = task or TaskOptions("", {})
    of_task, of_file = lowered(tightened, task.options, task.source, by="a task file")
    origins = {
        **dict.fromkeys(own, str(file)),
        **{key: variable(key) for key in variables},
        **{key: "[tool.coder]" for key in KEYS if tightened.value(key) != config.value(key)},
        **{key: flag(key) for key, value in flags.items() if value is not None},
    }
    return Loaded(
        config=over(of_task, flag_config),
        notes=(*notes, *from_environment, *refused, *of_file),
        cost_was_asked=not over(config, flag_config).names.isdisjoint(("max_cost", "max_call_cost")),
        book=book,
        servers=servers,
        teams=teams if isinstance(teams, dict) else {},
        origins=origins,
    )


def _servers(tables: object, user_file: Path) -> tuple["Mcp", ...]:
    if not tables:
        return ()
    from coder.config.mcp_servers import mcp_of_tables  # hardly anybody has one

    return mcp_of_tables(tables, str(user_file))


def _book(values: dict[str, object], user_file: Path) -> UserModels:
    """Remove the tables about models from the values of the user's file."""
    tables = {key: values.pop(key) for key in BOOK_TABLES if key in values}
    try:
        return UserModels.model_validate(tables | {"cache": cache_folder()})
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(f"{user_file}: {place}: {first['msg']}{but_was(first['input'])}.") from error


def _known(values: Mapping[str, object], source: str) -> tuple[dict[str, object], list[str]]:
    fields = {key: value for key, value in values.items() if key in KEYS}
    notes = [
        f"{source}: unknown key {key!r} is ignored{suggest_nearest(key, KEYS)}"
        for key in values
        if key not in fields
    ]
    return fields, notes


def _variables(environ: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    values: dict[str, str] = {}
    notes: list[str] = []
    for name, value in environ.items():
        key = name.removeprefix("CODER_").lower()
        if not name.startswith("CODER_") or not value:
            continue
        if key in KEYS:
            values[key] = value
        # Other programs use the prefix too, so only a name that is nearly one of ours is worth a line.
        elif hint := suggest_nearest(key, KEYS, cutoff=0.8):
            notes.append(f"{name} is not a setting and is ignored{hint}")
    return values, notes


def tighten(config: Config, workspace: Path | None) -> tuple[Config, list[str]]:
    """Apply a repository's tighter limits; returns a note for each refused value.

    A broken file may be the very task, so that it never ends a run.
    """
    if workspace is None:
        return config, []
    path = (workspace if workspace.is_dir() else workspace.parent) / "pyproject.toml"
    try:
        tool = read_toml(path).get("tool", {})
    except UsageError as error:
        return config, [f"[tool.coder] is ignored: {error}"]
    table = tool.get("coder", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        return config, [f"{path}: tool.coder is ignored: it isn't a table"]
    return lowered(config, table, f"{path}: [tool.coder]", by="a repository")


def lowered(
    config: Config, wishes: Mapping[str, object], source: str, *, by: str
) -> tuple[Config, list[str]]:
    """The configuration with those wishes that only lower it, and a line for each other one.

    What a repository or a task file brings may be another person's: it opens no sandbox and spends no more.
    """
    notes = []
    for key, value in wishes.items():
        refusal = _refusal(key, value, config, by)
        if refusal is not None:
            notes.append(f"{source} {key} is ignored: {refusal}")
        else:
            config = over(config, checked({key: value}, str))
    return config, notes


def _refusal(key: str, value: object, config: Config, by: str) -> str | None:
    """Why a wish isn't granted; None where it only lowers."""
    if key == "network" and value == "none":
        return None
    if key not in LOWERED:
        known = key in KEYS or key in ("api_key", "key", "mcp", *BOOK_TABLES, TEAMS)
        return f"{by} can't set it" if known else f"it is unknown{suggest_nearest(key, LOWERED)}"
    if value is None:  # of YAML or JSON
        return "it has no value"
    try:
        wish = checked({key: value}, str).value(key)
    except UsageError as error:
        return str(error)
    limit = config.value(key)
    if limit is not None and wish > limit:
        return f"{wish} is above the limit of {limit}, which {by} can only lower"
    return None


MAX_BYTES = 1 << 20


def usual_user_file() -> Path:
    """Path of the user's configuration on this system."""
    return config_folder() / "config.toml"


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file; a missing one is empty. Raises UsageError: a line isn't TOML."""
    try:
        content = read_named(path, limit=MAX_BYTES)
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return {}
        raise  # a limit may stand in a file that can't be reached
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} isn't UTF-8: byte {error.start}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} isn't valid TOML: {error}") from error
