"""Dependencies that stand in the user's folder, and that no copy of it holds: shown to programs, read-only.

Python's are those of its virtual environment (`sandbox/interpreter/interpreter.py`). Node's are looked for in
folders beside the code, which git ignores.
"""

from collections.abc import Collection
from pathlib import Path

from coder.environment.installed import Installed
from coder.run.command_inputs import MODULES as FOLDER
from coder.run.settings import Settings
from sandbox import Policy

_MANIFEST = "package.json"
_MOST = 16
"""Packages of one repository that have such a folder of their own; those at its top come first."""
_MOUNTING = ("auto", "bubblewrap", "docker")
"""Backends that can show a folder in a workspace."""


def with_dependencies(
    policy: Policy, root: Path | None, files: Collection[str], *, settings: Settings
) -> Policy:
    """A policy whose programs find the folder's own `node_modules`, or what was installed, in the copy.

    Args:
        root: the user's folder.
        files: paths that were read of it.
    """
    if root is None or not root.is_dir() or settings.backend not in _MOUNTING:
        return policy
    installed = Installed(settings.installed).modules if settings.installed is not None else None
    own = found_folders(root.resolve(), files) if installed is None else {FOLDER: installed}
    return policy.model_copy(update={"folders": {**own, **policy.folders}})


def found_folders(root: Path, files: Collection[str]) -> dict[str, Path]:
    """Each folder of dependencies beside a package's manifest, by its path.

    None that is a link or lies behind one, and none of which files were read: git tracks those.
    """
    packages = [path.removesuffix(_MANIFEST) for path in files if f"/{path}".endswith(f"/{_MANIFEST}")]
    places = sorted(
        {f"{package}{FOLDER}" for package in packages}, key=lambda place: (place.count("/"), place)
    )
    tracked = {path.partition(f"{FOLDER}/")[0] + FOLDER for path in files if f"{FOLDER}/" in path}
    found = {place: root / place for place in places if FOLDER not in place.split("/")[:-1]}
    real = {place: path for place, path in found.items() if place not in tracked and _is_real(root, place)}
    return dict(list(real.items())[:_MOST])


def _is_real(root: Path, place: str) -> bool:
    parts = place.split("/")
    ways = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    return not any(way.is_symlink() for way in ways) and ways[-1].is_dir()
