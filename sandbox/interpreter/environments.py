"""Find the virtual environment of a project: in its folder, the active one, or where its tool keeps it."""

import base64
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

IN_FOLDER = (".venv", "venv", "env")
"""Customary names of a virtual environment in the folder of a project."""
_CACHES = ("XDG_CACHE_HOME", ".cache")
_DATA = ("XDG_DATA_HOME", ".local/share")


def environment_in(workspace: Path) -> Path | None:
    """Return the virtual environment in a project's folder; None if there is none."""
    return next((workspace / name for name in IN_FOLDER if (workspace / name / "pyvenv.cfg").is_file()), None)


def active_environments(workspace: Path | None, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the environments outside of the folder that the user works in, the likeliest first.

    These are the active one of venv or conda, except for our own, and those that Poetry and Pipenv have made
    for the folder.
    """
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        active = environ.get(name)
        if active and Path(active).resolve() != Path(sys.prefix).resolve():
            yield Path(active)
    if workspace is not None:
        yield from _of_tools(workspace.resolve(), environ)


def _of_tools(folder: Path, environ: Mapping[str, str]) -> Iterator[Path]:
    """Yield the environments that Poetry and Pipenv name by a hash of the folder (`generate_env_name` of
    Poetry, `Project._get_virtualenv_hash` of Pipenv)."""
    home = Path(environ.get("HOME") or Path.home())
    places = []
    if (folder / "poetry.lock").is_file():
        digest = hashlib.sha256(os.path.normcase(folder).encode()).digest()
        cache = environ.get("POETRY_VIRTUALENVS_PATH")
        root = Path(cache) if cache else _base(home, environ, _CACHES) / "pypoetry/virtualenvs"
        places.append((root, base64.urlsafe_b64encode(digest).decode()[:8]))
    if (folder / "Pipfile").is_file():
        digest = hashlib.sha256(str(folder / "Pipfile").encode()).digest()
        workon = environ.get("WORKON_HOME")
        root = Path(workon) if workon else _base(home, environ, _DATA) / "virtualenvs"
        places.append((root, base64.urlsafe_b64encode(digest[:6]).decode()[:8]))
    for root, digest_text in places:
        found = (
            [place for place in root.iterdir() if f"-{digest_text}" in place.name] if root.is_dir() else []
        )
        yield from (place for place in sorted(found, reverse=True) if (place / "pyvenv.cfg").is_file())


def _base(home: Path, environ: Mapping[str, str], names: tuple[str, str]) -> Path:
    variable, folder = names
    return Path(environ.get(variable) or home / folder)
