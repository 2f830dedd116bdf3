"""A repository's `[tool.coder]` may only tighten: smaller limits than the user's file and variables allow.

Whatever else it asks for is refused, said, and ignored.
"""

from pathlib import Path

from coder.config.config_files import read_repository_table
from coder.config.schema import BUDGET_KEYS, Config, checked, default_of, over
from coder.errors import UsageError
from coder.text.did_you_mean import or_nearest

BOOK_TABLES = ("aliases", "prices", "limits")
"""Tables of the user's file about models; a repository can set none of them."""
TIGHTENING = (*BUDGET_KEYS, "program_timeout", "test_timeout", "memory", "pids", "cpus")
"""What a repository may make smaller."""


def tighten(config: Config, workspace: Path | None) -> tuple[Config, list[str]]:
    """The configuration with what the repository wishes and may, and a line for each wish that it may not."""
    if workspace is None:
        return config, []
    path = (workspace if workspace.is_dir() else workspace.parent) / "pyproject.toml"
    table, notes = read_repository_table(path)
    for key, value in table.items():
        refusal = _refusal(key, value, config)
        if refusal is not None:
            notes.append(f"{path}: [tool.coder] {key} is ignored: {refusal}")
        elif key in Config.model_fields:
            config = over(config, checked({key: value}, str))
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
        limit = default_of(key)
    if limit is not None and wish > limit:
        return f"{wish} is more than {limit}, and a repository may only tighten"
    return None
