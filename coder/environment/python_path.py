"""Find the folders from which programs of a run import the project.

They run on a copy, so that an editable install, which leads to the user's folder, would lead to nothing.
"""

import ast
import os
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from coder.run.command_inputs import split_assignments
from coder.run.settings import Settings
from coder.run.target import is_test
from coder.run.task import Task
from sandbox.interpreter.interpreter import Interpreter, describe

_MAX_BYTES = 1 << 20
_MAPPING = re.compile(r"^MAPPING[^=\n]*=\s*(\{.*\})\s*$", re.MULTILINE)
_SOURCES = re.compile(r"(?:^|/)src/")
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files that make a folder a Python project."""


@dataclass(frozen=True, slots=True)
class PythonPath:
    """The folders of PYTHONPATH, relative to the workspace."""

    folders: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Those that only coder names: sources of projects that aren't installed."""


def find_python_path(
    task: Task, settings: Settings, files: Collection[str], *, python: Path | None
) -> PythonPath:
    """Find the folders that the user's PYTHONPATH and environment name, and sources that aren't installed.

    Args:
        python: the policy's interpreter.
    """
    command_path = split_assignments(task.test_command or ())[0].get("PYTHONPATH", "")
    if task.workspace is None:
        return PythonPath((command_path,) if command_path else ())
    root = task.workspace.resolve()
    folders = dict.fromkeys(filter(None, command_path.split(":")))
    folders |= dict.fromkeys(_folders_inside(root, os.environ.get("PYTHONPATH", "")))
    installed = [
        folder.relative_to(root).as_posix()
        for folder in _editable_folders(describe(python))
        if folder.is_relative_to(root)
    ]
    folders |= dict.fromkeys(folder for folder in installed if _is_used(folder, files))
    added = [folder for folder in source_folders(files) if folder not in folders]
    # What an install made for the tests is the user's wish as much as an install of their own.
    return PythonPath((*folders, *added), () if settings.installed is not None else tuple(added))


def source_folders(files: Collection[str]) -> list[str]:
    """Return folders `src` that hold modules and are no package, at the root or beside a project's file."""
    projects = {""} | {
        path.removesuffix(name)
        for path in files
        for name in PROJECT_FILES
        if path.endswith(f"/{name}") and not is_test(path)
    }
    folders = {
        path[: match.end() - 1]
        for path in files
        if path.endswith(".py")
        for match in _SOURCES.finditer(path)
        if path[: match.end() - len("src/")] in projects
    }
    plain_folders = [
        folder for folder in folders if f"{folder}/__init__.py" not in files and ":" not in folder
    ]
    return sorted(plain_folders, key=lambda folder: (folder.count("/"), folder))


def _folders_inside(root: Path, path: str) -> list[str]:
    """Return the folders of a PYTHONPATH that are in the workspace, relative to it."""
    folders = [Path(os.path.normpath(root / entry)) for entry in path.split(os.pathsep) if entry]
    return [folder.relative_to(root).as_posix() for folder in folders if folder.is_relative_to(root)]


def _is_used(folder: str, files: Collection[str]) -> bool:
    """Whether a folder of the workspace holds files, and can be an entry of PYTHONPATH."""
    return ":" not in folder and (folder == "." or any(path.startswith(f"{folder}/") for path in files))


def _editable_folders(interpreter: Interpreter) -> Iterator[Path]:
    """Yield the folders that an interpreter imports from by its editable installs."""
    root = interpreter.venv or interpreter.prefix
    sites = {
        site.resolve(): None
        for top in ("lib*", "local/lib")
        for site in root.glob(f"{top}/python3*/*-packages")
    }
    for site in sorted(sites):
        for path_file in sorted([*site.glob("*.pth"), *site.glob("__editable__*_finder.py")]):
            yield from (folder for folder in _listed_folders(path_file) if folder.is_absolute())


def _listed_folders(path_file: Path) -> list[Path]:
    """Return the folders from which an editable install imports, as its .pth file or finder lists them."""
    try:
        with path_file.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", "replace")
        if path_file.suffix == ".pth":
            return [Path(line.strip()) for line in text.splitlines() if not line.startswith(("import", "#"))]
        mapping = _MAPPING.search(text)
        values = ast.literal_eval(mapping[1]).values() if mapping else ()
        return [Path(value).parent for value in values if isinstance(value, str)]
    except (OSError, ValueError, SyntaxError, AttributeError, RecursionError, MemoryError):
        return []
