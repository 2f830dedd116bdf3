"""Configuration in layers: defaults < the user's file < `CODER_*` < flags.

Between the variables and the flags, a repository's `[tool.coder]` and a task file may lower limits
(`tighten`, `lowered`). Flags come last, because the user gives them for this run.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.base.fs.private_folder import cache_folder, config_folder, plug_folders
from coder.base.fs.safe_open import read_toml
from coder.base.text.sanitize import suggest_nearest
from coder.config.daily_notes import unseen_today
from coder.config.plugs import notes_on_hooks, notes_on_plugs, rules_for, with_rules
from coder.config.schema import Config, but_was, checked, flag, over, variable
from coder.models.catalog import UserModels
from coder.run.option_table import KEYS, LOWERED

if TYPE_CHECKING:
    from coder.config.mcp_servers import Mcp
    from coder.run.extensions import Rules

BOOK_TABLES = ("aliases", "prices", "limits")
"""Tables about models in the user's file; a repository can't set them."""
TEAMS = "teams"
"""Table with teams by name in the user's file; a repository can't set it."""
STORE = "store"
"""Table with the places of runs in the user's file (`coder.store.places`); a repository can't set it."""


@dataclass(frozen=True, slots=True)
class TaskOptions:
    """Options of a task file."""

    source: str
    """Name of the file, used in notes."""
    options: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Loaded:
    """The configuration of one start of coder."""

    config: Config
    notes: tuple[str, ...]
    """Notes on ignored values with the reason, one line each, for the screen."""
    cost_was_asked: bool
    """Whether the cost limit was set by the user, not by default or the repository."""
    book: UserModels
    """Models in the user's file; no other layer can set them."""
    servers: tuple["Mcp", ...]
    """MCP servers of the user's file and plugins, and of the repository's files that the user allows."""
    teams: Mapping[str, object]
    """Teams in the user's file, by name."""
    origins: Mapping[str, str]
    """Sources of values by key; keys with default values are absent."""
    rules: "Rules | None" = None
    """Rules of the user's settings files, and the restricting rules of the repository's."""


def load(
    flags: Mapping[str, object] = MappingProxyType({}),
    *,
    environ: Mapping[str, str] = os.environ,
    user_file: Path | None = None,
    workspace: Path | None = None,
    task: TaskOptions | None = None,
    all_notes: bool = False,
) -> Loaded:
    """Read all layers and merge them.

    Args:
        flags: values of flags by key; None if the flag wasn't given.
        user_file: the user's configuration file; None: the usual one.
        workspace: the user's folder or file; its `pyproject.toml` is the repository's layer.
        task: the options of a task file.
        all_notes: whether notes on files for agents are repeated that were shown today.

    Raises:
        UsageError: a value can't be used; the message names its layer.
    """
    file = user_file or usual_user_file()
    values = read_toml(file)
    book = _take_models(values, file)
    servers = _servers(values.pop("mcp", {}), file)
    repository_servers, server_notes = _servers_of_files(workspace, servers)
    teams = values.pop(TEAMS, {})
    values.pop(STORE, None)
    file_values, notes = _split_known(values, str(file))
    config = checked(file_values, lambda key: f"{file}: {key}")
    variables, variable_notes = _variables(environ)
    config = over(config, checked(variables, variable))
    flag_config = checked(flags, flag)
    with_repository, repository_notes = tighten(config, workspace)
    task = task or TaskOptions("", {})
    with_task, task_notes = lowered(with_repository, task.options, task.source, by="a task file")
    origins = {
        **dict.fromkeys(file_values, str(file)),
        **{key: variable(key) for key in variables},
        **{key: "[tool.coder]" for key in KEYS if with_repository.value(key) != config.value(key)},
        **{key: flag(key) for key, value in flags.items() if value is not None},
    }
    config_of_flags = over(with_task, flag_config)
    rules, rule_notes = rules_for(workspace)
    rule_notes += notes_on_plugs(rules)
    rule_notes = rule_notes if all_notes else unseen_today(workspace, rule_notes)
    rule_notes += notes_on_hooks()
    rule_notes += _dropped_hosts(rules, config_of_flags)
    return Loaded(
        config=config_of_flags,
        rules=rules,
        notes=(*notes, *variable_notes, *repository_notes, *task_notes, *server_notes, *rule_notes),
        cost_was_asked=not over(config, flag_config).names.isdisjoint(("max_cost", "max_call_cost")),
        book=book,
        servers=(*servers, *repository_servers),
        teams=teams if isinstance(teams, dict) else {},
        origins=origins,
    )


def _servers(tables: object, user_file: Path) -> tuple["Mcp", ...]:
    if not tables:
        return ()
    from coder.config.mcp_servers import mcp_of_tables  # imported only if servers are configured

    return mcp_of_tables(tables, str(user_file))


def _servers_of_files(
    workspace: Path | None, servers: Sequence["Mcp"]
) -> tuple[Sequence["Mcp"], Sequence[str]]:
    """Return the servers of the user's plugins, of the workspace's `.mcp.json` and plugins, and notes."""
    folder = workspace if workspace is None or workspace.is_dir() else workspace.parent
    names = (".mcp.json", ".agents/plugins", ".claude/plugins")
    if folder is not None and not any(os.path.lexists(folder / name) for name in names):
        folder = None
    if folder is None and not plug_folders("plugins"):
        return (), ()
    from coder.config.mcp_files import servers_of_files  # imported late: few users and repositories have one

    server_names = [server.name for server in servers]
    return servers_of_files(folder.resolve() if folder is not None else None, taken=server_names)


def _take_models(values: dict[str, object], user_file: Path) -> UserModels:
    """Remove the tables about models from the user file's values, and return their models."""
    tables = {key: values.pop(key) for key in BOOK_TABLES if key in values}
    try:
        return UserModels.model_validate(tables | {"cache": cache_folder()})
    except ValidationError as error:
        problem = error.errors()[0]
        place = ".".join(map(str, problem["loc"]))
        raise UsageError(f"{user_file}: {place}: {problem['msg']}{but_was(problem['input'])}.") from error


def _split_known(values: Mapping[str, object], source: str) -> tuple[dict[str, object], list[str]]:
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
        # Other programs use the prefix, too, so only a name that is similar to one of ours is noted.
        elif hint := suggest_nearest(key, KEYS, cutoff=0.8):
            notes.append(f"{name} is not a setting and is ignored{hint}")
    return values, notes


def tighten(config: Config, workspace: Path | None) -> tuple[Config, list[str]]:
    """Apply a repository's lower limits; return the configuration and a note for each refused value.

    A broken file never ends a run, because the task may be to repair it.
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
    config: Config, values: Mapping[str, object], source: str, *, by: str
) -> tuple[Config, list[str]]:
    """Return the configuration with the values that lower a limit, and a note for each other value.

    A repository or task file may be another person's, so it can't weaken the sandbox or raise limits.
    """
    notes = []
    for key, value in values.items():
        reason = _refusal(key, value, config, by)
        if reason is not None:
            notes.append(f"{source} {key} is ignored: {reason}")
        else:
            config = over(config, checked({key: value}, str))
    return config, notes


def _refusal(key: str, value: object, config: Config, by: str) -> str | None:
    """Return why a value is refused; None if it lowers a limit."""
    if key == "network" and value == "none":
        return None
    if key not in LOWERED:
        is_known = key in KEYS or key in ("api_key", "key", "mcp", *BOOK_TABLES, TEAMS, STORE)
        return f"{by} can't set it" if is_known else f"it is unknown{suggest_nearest(key, LOWERED)}"
    if value is None:  # YAML and JSON can have keys without values
        return "it has no value"
    try:
        lower = checked({key: value}, str).value(key)
    except UsageError as error:
        return str(error)
    limit = config.value(key)
    if limit is not None and lower > limit:
        return f"{lower} is above the limit of {limit}, which {by} can only lower"
    return None


def usual_user_file() -> Path:
    """Return the path of the user's configuration on this system."""
    return config_folder() / "config.toml"


def _dropped_hosts(rules: "Rules | None", config: Config) -> list[str]:
    """Return notes on hosts of `--network` and `--secret` that the rules deny or ask about."""
    if rules is None:
        return []
    settings = config.settings()
    kept = with_rules(settings, rules)
    dropped = [f"--network {each}" for each in settings.network if each not in kept.network]
    dropped += [f"--secret {each}" for each in settings.secret if each not in kept.secret]
    return [f"{each} has no effect: a rule of WebFetch denies its host, or asks about it" for each in dropped]
