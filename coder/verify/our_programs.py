"""The programs that run a test command inside the sandbox, as an archive that Python imports from."""

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.abc import InspectLoader
from importlib.resources import files
from importlib.util import find_spec
from io import BytesIO
from zipfile import ZipFile, ZipInfo

from coder.run.launchers import LAUNCHERS
from sandbox.supervisor.shipped import bytecode

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
    """Return contents by path of executable files that replace Python's commands and launchers in a
    script.
    """
    folder = files(_INSIDE)
    names_by_file = {"python_in_scripts.sh": _REPLACED_COMMANDS, "launcher_in_scripts.sh": sorted(LAUNCHERS)}
    return {
        f"{FOLDER}/bin/{name}": folder.joinpath(file).read_bytes()
        for file, names in names_by_file.items()
        for name in names
    }


def node_guard(given: Iterable[str]) -> Mapping[str, bytes]:
    """Return contents by path of what Node loads first, so that code can't forge exit code 0.

    Args:
        given: files of tests and of their command.
    """
    program = files(_INSIDE).joinpath("node_start.cjs").read_bytes()
    return {
        f"{FOLDER}/node_start.cjs": program,
        f"{FOLDER}/given.json": json.dumps(sorted(given)).encode(),
    }


@cache
def _pack() -> bytes:
    """Return an archive of all modules, uncompressed, so that Python needs no other module to read it.

    It holds bytecode of this Python, too; another version ignores that, and compiles the source.
    """
    buffer = BytesIO()
    with ZipFile(buffer, "w") as archive:
        for file in sorted(files(_INSIDE).iterdir(), key=lambda file: file.name):
            name, _, suffix = file.name.partition(".")
            if suffix == "py" and name != "change_start":  # that one is laid by change_trace.py
                # A folder of its own, since it is on the path of each interpreter of a script.
                packed_name = "start/sitecustomize" if name == "python_start" else name
                source = file.read_bytes()
                archive.writestr(ZipInfo(f"{packed_name}.pyc"), _compile(name, packed_name))
                archive.writestr(ZipInfo(f"{packed_name}.py"), source)
    return buffer.getvalue()


def _compile(name: str, packed_name: str) -> bytes:
    """Return the content of a module's `.pyc`."""
    module = f"{_INSIDE}.{name}"
    spec = find_spec(module)
    assert spec is not None
    assert isinstance(spec.loader, InspectLoader)
    code = spec.loader.get_code(module)  # from the cache of this Python, if it has one
    assert code is not None
    # A traceback names the file as if Python had compiled it in the workspace of most sandboxes.
    return bytecode(code, f"/w/{_ARCHIVE}/{packed_name}.py")
