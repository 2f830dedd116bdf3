"""Folders for data and caches: CODER_HOME, else those of the platform."""

import os
from collections.abc import Mapping
from pathlib import Path

from coder.base.errors import MachineError


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of all data that is kept for one user. It need not exist."""
    import platformdirs  # kept off the path of `--help`

    folder = environ.get("CODER_HOME")
    return Path(folder).expanduser().absolute() if folder else Path(platformdirs.user_data_dir("coder"))


def config_folder() -> Path:
    """Folder of the user's own configuration on this system."""
    import platformdirs

    return Path(platformdirs.user_config_dir("coder"))


def cache_folder() -> Path:
    """Where the catalogue and downloads stand on this system. Losing them costs time only."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("coder"))


def facts_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of what was found in files or installed for them: below CODER_HOME if that is set."""
    home = environ.get("CODER_HOME")
    return Path(home).expanduser().absolute() / "cache" if home else cache_folder()


def own_folders() -> tuple[Path, ...]:
    """Folders of coder's configuration, data and caches, also those that CODER_HOME replaces for now."""
    import platformdirs

    usual = Path(platformdirs.user_data_dir("coder"))
    return (config_folder(), data_folder(), usual, cache_folder(), facts_folder())


def private_folder(path: Path) -> Path:
    """Make a folder that only its user can enter, with those above it; one that exists is left as it is.

    Raises:
        MachineError: it can't be made: the message names the path and what to set.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from error
    return path


def unwritable(path: Path, reason: str) -> MachineError:
    """The error for a data or cache path that can't be written."""
    return MachineError(
        f"Can't write {path}: {reason}. Make room or give yourself the right to write there, "
        f"or set CODER_HOME to a folder that you can write."
    )
