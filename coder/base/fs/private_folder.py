"""Folders for data and caches: below CODER_HOME if it is set, else the platform's usual folders."""

import os
from collections.abc import Mapping
from pathlib import Path

from coder.base.errors import MachineError


def data_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of the user's data, which may not exist yet."""
    import platformdirs  # kept off the path of `--help`

    folder = environ.get("CODER_HOME")
    return Path(folder).expanduser().absolute() if folder else Path(platformdirs.user_data_dir("coder"))


def config_folder() -> Path:
    """Return the folder of the user's configuration."""
    import platformdirs

    return Path(platformdirs.user_config_dir("coder"))


def plug_folders(kind: str) -> tuple[Path, ...]:
    """Return the user's folders of a kind of files for agents, such as `skills`, that exist."""
    home = Path.home()
    folders = (home / ".agents" / kind, home / ".claude" / kind, config_folder() / kind)
    return tuple(folder for folder in folders if folder.is_dir())


def cache_folder() -> Path:
    """Return the folder of the catalogue and of downloads, all of which can be downloaded again."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("coder"))


def facts_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of caches about the user's files, below CODER_HOME if that is set."""
    home = environ.get("CODER_HOME")
    return Path(home).expanduser().absolute() / "cache" if home else cache_folder()


def own_folders() -> tuple[Path, ...]:
    """Return the folders of coder's configuration, data and caches, with and without CODER_HOME."""
    import platformdirs

    default_data_folder = Path(platformdirs.user_data_dir("coder"))
    return (config_folder(), data_folder(), default_data_folder, cache_folder(), facts_folder())


def private_folder(path: Path) -> Path:
    """Create a folder that only the user can enter, and its parents; an existing folder isn't changed.

    Raises:
        MachineError: the folder can't be created; the message names the path and what to set.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error.strerror or str(error)) from error
    return path


def unwritable(path: Path, reason: str) -> MachineError:
    """Return the error for a data or cache path that can't be written."""
    return MachineError(
        f"Can't write {path}: {reason}. Make room or give yourself the right to write there, "
        f"or set CODER_HOME to a folder that you can write."
    )
