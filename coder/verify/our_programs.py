"""The programs that run a test command inside the sandbox, as an archive that Python imports from."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from io import BytesIO
from zipfile import ZipFile, ZipInfo

FOLDER = ".coder"
"""Folder in the sandbox's workspace for our programs and their report; never part of an answer."""
LAUNCH = f"{FOLDER}/launch"
"""Python file that runs a program of the archive by its name."""
_ARCHIVE = f"{FOLDER}/ours.zip"
_INSIDE = "coder.verify.inside"
_REPLACED_COMMANDS = ("python", "python3", "pytest", "py.test")


def programs() -> Mapping[str, bytes]:
    """Return the contents of our programs by path, for any test command."""
    return {LAUNCH: files(_INSIDE).joinpath("launch.py").read_bytes(), _ARCHIVE: _pack()}


def stand_ins() -> Mapping[str, bytes]:
    """Return contents by path of executable files that replace Python's commands in a script."""
    content = files(_INSIDE).joinpath("python_in_scripts.sh").read_bytes()
    return {f"{FOLDER}/bin/{name}": content for name in _REPLACED_COMMANDS}


@cache
def _pack() -> bytes:
    """Return an archive of all modules, uncompressed, so that Python needs no other module to read it."""
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for file in sorted(files(_INSIDE).iterdir(), key=lambda file: file.name):
            if file.name.endswith(".py"):
                # A folder of its own, since it is on the path of each interpreter of a script.
                name = "start/sitecustomize.py" if file.name == "python_start.py" else file.name
                archive.writestr(ZipInfo(name), file.read_bytes())
    return buffer.getvalue()
