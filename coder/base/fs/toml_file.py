"""Read a TOML file of the user's."""

import tomllib
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.fs.safe_open import read_named

MAX_BYTES = 1 << 20
"""Largest file that is read."""


def read_toml(path: Path) -> dict[str, object]:
    """Read a TOML file; a missing one is empty. Raises UsageError: a line isn't TOML."""
    try:
        content = read_named(path, limit=MAX_BYTES)
    except UsageError as error:
        if isinstance(error.__cause__, FileNotFoundError | NotADirectoryError):
            return {}
        raise  # the unreadable file may contain a limit
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} isn't UTF-8: byte {error.start}") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path} isn't valid TOML: {error}") from error
