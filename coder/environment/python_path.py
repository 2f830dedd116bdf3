"""Find the folders from which programs of a run import the project.

They run on a copy, so that an editable install, which leads to the user's folder, would lead to nothing.
Projects beside the folder are shown read-only if the user's environment imports them, but no folder with
keys, and none that an environment names which came with a repository.
"""

import ast
import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coder.environment.dependencies import may_hold_keys
from coder.environment.toolchains import SHOWN
from coder.run.command_inputs import split_assignments
from coder.run.settings import Settings
from coder.run.target import is_test
from coder.run.task import Task
from coder.source.manifests import OTHER_FOLDERS
from coder.workspace.git.found import find_repository
from sandbox.interpreter.interpreter import Interpreter, describe

_MAX_BYTES = 1 << 20
_MAPPING = re.compile(r"^MAPPING[^=\n]*=\s*(\{.*\})\s*$", re.MULTILINE)
_UNUSUAL = re.compile(r"^[^\w]|[^\w.-]", re.ASCII)
"""Characters that a name in the sandbox can't have."""
_SOURCES = re.compile(r"(?:^|/)src/")
PROJECT_FILES = ("pyproject.toml", "setup.py", "setup.cfg")
"""Files that make a folder a Python project."""


@dataclass(frozen=True, slots=True)
class PythonPath:
    """The folders of PYTHONPATH, relative to the workspace or as programs see them."""

    folders: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    """Those that only coder names: sources of projects that aren't installed."""
    shown: Mapping[str, Path] = field(default_factory=dict)
    """Folders outside of the workspace that are imported from, by the names under which they are shown."""
    is_installed: bool = False
    """Whether the environment imports from the workspace's folder."""
    outside: tuple[Path, ...] = ()
    """All folders outside of the workspace that are imported from on this machine."""


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
    users_path = os.environ.get("PYTHONPATH", "")
    folders |= dict.fromkeys(_folders_inside(root, users_path))
    interpreter = describe(python)
    installed = list(_editable_folders(interpreter))
    inside = [folder.relative_to(root).as_posix() for folder in installed if folder.is_relative_to(root)]
    folders |= dict.fromkeys(folder for folder in inside if _is_used(folder, files))
    added = [folder for folder in source_folders(files) if folder not in folders]
    named = [
        Path(os.path.normpath(root / entry)) for entry in f"{users_path}:{command_path}".split(":") if entry
    ]
    outside = _Outside(root, settings)
    for folder in named:
        outside.add(folder, may_show=True)
    for folder in installed:
        outside.add(folder, may_show=_is_users(interpreter.venv, root, files))
    return PythonPath(
        (*folders, *added, *outside.entries),
        # What was installed for the tests alone is installed, too.
        added=() if settings.installed is not None else tuple(added),
        shown=outside.shown,
        is_installed=bool(inside) and root.parent != root,
        outside=tuple(outside.all),
    )


class _Outside:
    """Collects folders outside of the workspace that a Python imports from, and how programs see them."""

    def __init__(self, root: Path, settings: Settings) -> None:
        self._root, self._added = root, {name: path.resolve() for name, path in settings.beside.items()}
        self._mounts = settings.sandbox in ("auto", "bubblewrap") and settings.image is None
        self.all: dict[Path, None] = {}
        self.entries: dict[str, None] = {}
        """Entries of PYTHONPATH."""
        self.shown: dict[str, Path] = {}

    def add(self, folder: Path, *, may_show: bool) -> None:
        """Add a folder, unless it is inside or programs see it anyway; show it if it is a safe project's."""
        folder = Path(os.path.realpath(folder))
        is_seen = folder.is_relative_to(self._root) or folder.is_relative_to("/usr")
        if is_seen or folder in self.all or not os.path.isdir(folder):
            return
        self.all[folder] = None
        for name, added_folder in self._added.items():  # --add-dir
            if folder.is_relative_to(added_folder):
                self.entries[f"{SHOWN}/{name}/{folder.relative_to(added_folder).as_posix()}"] = None
                return
        if not (may_show and self._mounts):
            return
        if _is_project(folder):  # beside the packages are the environment, settings and tests
            packages = {file.parent.name: file.parent for file in sorted(folder.glob("*/__init__.py"))}
            self._show(SHOWN, {name: path for name, path in packages.items() if not is_test(f"{name}/x.py")})
        elif _is_project(folder.parent):
            name = _UNUSUAL.sub("_", f"{folder.parent.name}-{folder.name}")
            self._show(f"{SHOWN}/{name}", {name: folder})

    def _show(self, entry: str, folders: Mapping[str, Path]) -> None:
        for name, folder in folders.items():
            is_new = name not in self._added and name not in self.shown and not _UNUSUAL.search(name)
            if is_new and not folder.is_symlink() and not may_hold_keys(folder):
                self.shown[name] = folder
                self.entries[entry] = None


def _is_project(folder: Path) -> bool:
    holds_home = Path.home().resolve().is_relative_to(folder)
    return not holds_home and any(os.path.isfile(folder / name) for name in PROJECT_FILES)


def _is_users(environment: Path | None, root: Path, files: Collection[str]) -> bool:
    """Whether the user has made an environment: one in the workspace may have come with it.

    A clone brings no file that git doesn't track; without git, nothing can be told.
    """
    if environment is None or not environment.resolve().is_relative_to(root):
        return True
    place = environment.resolve().relative_to(root).as_posix()
    return find_repository(root) is not None and not any(path.startswith(f"{place}/") for path in files)


def source_folders(files: Collection[str]) -> list[str]:
    """Return folders `src` that hold modules and are no package, at the root or beside a project's file."""
    projects = {""} | {
        path.removesuffix(name)
        for path in files
        for name in PROJECT_FILES
        if path.endswith(f"/{name}") and not (is_test(path) or OTHER_FOLDERS & {*path.split("/")})
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
            yield from (
                folder
                for folder in _listed_folders(path_file)
                if os.path.isabs(folder) and "\0" not in str(folder)
            )


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
