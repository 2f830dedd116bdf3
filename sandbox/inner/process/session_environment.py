"""Environment of a session's commands: the user's programs, and installs without privileges."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sandbox.inner.process.execute import NOT_FOUND
from sandbox.inner.process.wire import SessionFolders

if TYPE_CHECKING:
    from sandbox.inner.process.wire import Channel

_SCRIPTS = {"pip": "pip", "pip3": "pip", "pytest": "pytest"}
"""Modules behind the scripts that project instructions mention."""


def main(channel: Channel, arguments: dict[str, Any]) -> None:
    """As an entry: prepare the environment that the host sends, and send it back."""
    environment = arguments["environment"]
    prepare_environment((), environment, SessionFolders())
    channel.send(json.dumps(environment).encode())


class CannotStart(Exception):
    """A command could not be started."""

    def __init__(self, code: int, why: str) -> None:
        """Take a shell's exit code and message."""
        super().__init__(why)
        self.code = code


def prepare_environment(layered: Sequence[str], environment: dict[str, Any], folders: SessionFolders) -> None:
    """Create the folders, repair broken scripts, and set the variables."""
    own_programs = f"{folders.home}/.local/bin"  # where pip installs programs for a user
    installed = f"{folders.home}/installed"  # where it installs instead of a read-only virtual environment
    os.makedirs(own_programs, 0o755, exist_ok=True)
    for name, module in _SCRIPTS.items():
        if _is_broken(name, environment["PATH"]):
            _write_script(f"{own_programs}/{name}", module)
    environment["PATH"] = f"{own_programs}:{environment['PATH']}"
    for name, value in list(environment.items()):
        if value in layered and not os.access(value, os.W_OK):
            del environment[name]  # a cache that isn't writable
    if os.path.isdir(folders.venv) and not os.access(f"{folders.venv}/lib", os.W_OK):  # no layer lies over it
        environment["PIP_TARGET"] = installed
        environment["PATH"] = f"{installed}/bin:{environment['PATH']}"
        environment["PYTHONPATH"] = f"{installed}:{environment.get('PYTHONPATH', '')}".rstrip(":")


def enter(request: dict[str, Any], path: str, workspace: str) -> tuple[list[str], str]:
    """Change to a command's folder; return its words and program path. Raises CannotStart if missing."""
    try:
        if not os.access(workspace, os.X_OK):  # a command closed it; commands that follow could not start
            os.chmod(workspace, 0o700)
        os.chdir(os.path.join(workspace, request["cwd"]))
    except (OSError, ValueError) as error:
        raise CannotStart(1, f"cd: {request['cwd']}: {getattr(error, 'strerror', error)}") from error
    if request["script"] is not None:
        shell = "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh"
        return [shell, "-c", request["script"]], shell
    argv: list[str] = request["argv"]
    program = find_program(argv[0], path)
    if not program:
        raise CannotStart(NOT_FOUND, f"{argv[0]}: command not found")
    return argv, next((place for place in program if os.access(place, os.X_OK)), program[0])


def find_program(name: str, path: str) -> list[str]:
    """Return the files of that name on a PATH; the name itself if it contains a slash."""
    if "/" in name:
        return [name]
    places = [f"{place}/{name}" for place in path.split(os.pathsep)]
    return [place for place in places if os.path.isfile(place)]


def _is_broken(name: str, path: str) -> bool:
    """Whether a script names a missing interpreter, as the environment is shown at another path."""
    program = find_program(name, path)
    if not program:
        return False
    try:
        with open(program[0], "rb") as file:
            first = file.readline(1000)
    except OSError:  # Landlock shows it only by name
        return True
    return first.startswith(b"#!/") and not os.path.exists(first[2:].split()[0])


def _write_script(path: str, module: str) -> None:
    with open(path, "w") as file:
        file.write(f'#!/bin/sh\nexec python3 -m {module} "$@"\n')
    os.chmod(path, 0o755)
