"""Find a team by its name: in the user's configuration, among the user's team files, or as a TOML file."""

import re
from pathlib import Path

from pydantic import ValidationError

from coder.base.errors import UsageError
from coder.base.fs.private_folder import config_folder
from coder.base.fs.safe_open import read_toml
from coder.base.text.sanitize import suggest_nearest
from coder.config.layers import Loaded
from coder.engine.teams.spec import TeamSpec, team_of
from coder.run.conditions import condition_of
from coder.run.settings import Budget, Settings
from coder.run.termination import Stop

TEAM_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Form of the name of a team file, without `.toml`."""


def team_folder() -> Path:
    """Return the folder of the user's team files; it may not exist."""
    return config_folder() / "teams"


def team_names(loaded: Loaded) -> tuple[str, ...]:
    """Return the names of the user's teams: those of the configuration, then those of team files."""
    files = sorted(file.stem for file in team_folder().glob("*.toml") if TEAM_NAME.fullmatch(file.stem))
    return tuple(dict.fromkeys((*loaded.teams, *files)))


def load_team(name: str, loaded: Loaded, *, reads_paths: bool = True) -> tuple[TeamSpec, Stop | None]:
    """Load a team and its stop.

    Args:
        reads_paths: whether a name may be the path of a TOML file.

    Raises:
        UsageError: no such team, or the value is no team.
    """
    own_file = team_folder() / f"{name}.toml"
    if name in loaded.teams:
        return checked_team(loaded.teams[name], f"[teams.{name}]")
    if TEAM_NAME.fullmatch(name) and own_file.exists():
        return checked_team(read_toml(own_file), str(own_file))
    if reads_paths and Path(name).suffix == ".toml" and Path(name).exists():
        return checked_team(read_toml(Path(name)), name)
    hint = suggest_nearest(name, team_names(loaded))
    raise UsageError(f"--team {name}: no file *.toml, and no such team{hint}")


def checked_team(values: object, source: str) -> tuple[TeamSpec, Stop | None]:
    """Return the team of a table, and its stop.

    Args:
        source: name of the table or file, for the message of a UsageError.

    Raises:
        UsageError: the table is no team.
    """
    table = dict(values) if isinstance(values, dict) else {}
    stop = table.pop("stop", None)
    try:
        return team_of(table), condition_of(str(stop)) if stop is not None else None
    except (ValueError, UsageError) as error:
        raise UsageError(f"--team {source}: {_first_line(error)}") from error


def for_team(settings: Settings, *, drops: tuple[str, ...] = ("strategy", "samples")) -> Settings:
    """Return settings without the configured strategy and samples (`drops`), which don't apply to teams."""
    names = settings.budget.model_fields_set - {*drops}
    budget = Budget(**{name: limit for name, limit in settings.budget if name in names})
    strategy = None if "strategy" in drops else settings.strategy
    return settings.model_copy(update={"strategy": strategy, "budget": budget})


def _first_line(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    rows = error.errors()
    # pydantic first reports that a team is no Member, which is not the error.
    relevant = (row for row in rows if row["type"] != "extra_forbidden" or row["loc"][-1] != "team")
    first_error = next(relevant, rows[0])
    location = ".".join(str(part) for part in first_error["loc"] if not str(part).startswith("function-"))
    message = first_error["msg"].removeprefix("Value error, ")
    return f"{location}: {message}" if location else message
