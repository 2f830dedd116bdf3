"""Read the files that configure: the user's own, which must be right, and a repository's, which is data."""

import os
import stat
import tomllib
from pathlib import Path

from coder.errors import UsageError

MAX_BYTES = 1 << 20


def user_file() -> Path:
    """Where the user's own configuration stands on this system."""
    import platformdirs  # kept off the path of `--help`

    return Path(platformdirs.user_config_dir("coder")) / "config.toml"


def read_user_file(path: Path) -> tuple[dict[str, object], list[str]]:
    """The user's values; none where there is no file.

    Raises:
        UsageError: it can't be read, or isn't TOML; the message names the line.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), []
    except (FileNotFoundError, NotADirectoryError):
        return {}, []
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path} isn't valid TOML: {error}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} isn't UTF-8: byte {error.start}") from error
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error


def read_repository_table(path: Path) -> tuple[dict[str, object], list[str]]:
    """The `[tool.coder]` table of a pyproject.toml, and what to say of a file that can't be read.

    A broken file may be the very task, so that it never ends a run.
    """
    try:
        content = _bounded(path)
    except FileNotFoundError:
        return {}, []
    except OSError as error:
        return {}, [f"{path} is ignored: {error.strerror or error}"]
    try:
        table: object = tomllib.loads(content.decode()).get("tool", {})
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return {}, [f"{path} is ignored: {error}"]
    own = table.get("coder", {}) if isinstance(table, dict) else {}
    return (own, []) if isinstance(own, dict) else ({}, [f"{path}: tool.coder is ignored: it isn't a table"])


def _bounded(path: Path) -> bytes:
    # A FIFO or a device in a repository must not hang us.
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "not a regular file")
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise OSError(0, f"larger than {MAX_BYTES} bytes")
    return content
