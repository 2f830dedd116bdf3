"""Environment of a session's commands: the user's programs, and installs without privileges."""

from __future__ import annotations

import os
from typing import Any

from sandbox.inner.process.wire import HOME
from sandbox.inner.walls.inner_walls import Walls
from sandbox.inner.walls.places import VENV

_OWN_PROGRAMS = f"{HOME}/.local/bin"
"""Where pip installs programs for a user."""
_INSTALLED = f"{HOME}/installed"
"""Where pip installs instead of a read-only virtual environment."""
_SCRIPTS = {"pip": "pip", "pip3": "pip", "pytest": "pytest"}
"""Modules behind the scripts that project instructions mention."""


def prepare_environment(walls: Walls, environment: dict[str, Any]) -> None:
    """Create the folders, repair broken scripts, and set the variables."""
    os.makedirs(_OWN_PROGRAMS, 0o755)
    for name, module in _SCRIPTS.items():
        if _is_broken(name, environment["PATH"]):
            _write_script(f"{_OWN_PROGRAMS}/{name}", module)
    environment["PATH"] = f"{_OWN_PROGRAMS}:{environment['PATH']}"
    for name, value in list(environment.items()):
        if value in walls.layered and not os.access(value, os.W_OK):
            del environment[name]  # a cache that isn't writable
    if os.path.isdir(VENV) and not os.access(f"{VENV}/lib", os.W_OK):  # no layer lies over it
        environment["PIP_TARGET"] = _INSTALLED
        environment["PATH"] = f"{_INSTALLED}/bin:{environment['PATH']}"
        environment["PYTHONPATH"] = f"{_INSTALLED}:{environment.get('PYTHONPATH', '')}".rstrip(":")


def find_program(name: str, path: str) -> list[str]:
    """Files of that name on a PATH; the name itself if it contains a slash."""
    if "/" in name:
        return [name]
    places = [f"{place}/{name}" for place in path.split(os.pathsep)]
    return [place for place in places if os.path.isfile(place)]


def _is_broken(name: str, path: str) -> bool:
    """Whether a script names a missing interpreter, as the environment is shown at another path."""
    found = find_program(name, path)
    if not found:
        return False
    with open(found[0], "rb") as file:
        first = file.readline(1000)
    return first.startswith(b"#!/") and not os.path.exists(first[2:].split()[0])


def _write_script(path: str, module: str) -> None:
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec python3 -m {module} "$@"\n')
    os.chmod(path, 0o755)
