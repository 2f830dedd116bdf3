"""Dependencies that stand in the user's folder, and that no copy of it holds: shown to programs, read-only.

Python's are those of its virtual environment (`sandbox/interpreter/interpreter.py`). Node's are looked for in
folders beside the code, which git ignores. Installed ones are an entry of a cache, whole or not there.
"""

import hashlib
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coder.errors import MachineError
from coder.fs.private_folder import private_folder
from coder.run.command_inputs import MODULES
from coder.run.settings import Settings
from sandbox import Policy

if TYPE_CHECKING:
    from coder.environment.indexes import Indexes


ENVIRONMENT = "env"
"""Folder of an entry: a virtual environment. Beside it, or alone, are Node's modules."""
_DAY_S = 86_400
_BEGUN = ".begun-"


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry, whether it is there or not."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether it was made."""
        return self.folder.is_dir()

    @property
    def python(self) -> Path | None:
        """The interpreter of its virtual environment; None where it has none."""
        python = self.folder / ENVIRONMENT / "bin" / "python"
        return python if python.is_symlink() else None

    @property
    def modules(self) -> Path | None:
        """Node's modules; None where it has none."""
        modules = self.folder / MODULES
        return modules if modules.is_dir() else None

    def make(self, fill: Callable[[Path], None]) -> None:
        """Have a folder filled and take it in; nothing of it stays where that fails.

        Killed in the middle, it leaves a folder of another name, which the next one removes after a day.

        Raises:
            MachineError: it can't be written.
        """
        place = self.folder.parent / f"{_BEGUN}{uuid.uuid4().hex}"
        _remove_old(self.folder.parent)
        try:
            place.mkdir()
            place.chmod(0o755)  # whatever our umask is: programs of another uid read it
            fill(place)
            place.rename(self.folder)
        except OSError as error:
            if not self.is_there:  # else another process was first, which is as well
                raise MachineError(f"What was installed can't be kept in {self.folder}: {error}.") from error
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _remove_old(folder: Path) -> None:
    for path in folder.glob(f"{_BEGUN}*"):
        if path.stat().st_mtime < time.time() - _DAY_S:
            shutil.rmtree(path, ignore_errors=True)


_VERSION = 2


def find_installed(
    root: Path, *, command: str, python: Path, indexes: "Indexes", files: Mapping[str, bytes]
) -> Installed:
    """The entry for a folder: it is another one for another command, interpreter, index or manifest.

    And for another folder: its own code may run meanwhile, and nobody else's runs are to see what that does.

    Args:
        root: the user's folder.
        python: the base interpreter.
        files: what names the dependencies.
    """
    status = python.stat()
    made_from = {
        "version": _VERSION,
        "root": str(root),
        "command": command,
        "python": [str(python), status.st_size, int(status.st_mtime), sys.platform],
        "hosts": indexes.hosts,
        "environment": dict(sorted(indexes.environment.items())),
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]
    return Installed(cache() / key)


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of all entries: in CODER_HOME's cache, or the platform's. To remove it costs time only."""
    from coder.fs.disk_cache import facts_folder  # sqlite

    return private_folder(private_folder(facts_folder(environ)) / "installed")


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    found = (Path(base) / name for base, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in found)


_MANIFEST = "package.json"
_MOST = 16
"""Packages of one repository that have such a folder of their own; those at its top come first."""
_MOUNTING = ("auto", "bubblewrap", "docker")
"""Backends that can show a folder in a workspace."""


def with_dependencies(
    policy: Policy, root: Path | None, files: Collection[str], *, settings: Settings
) -> Policy:
    """A policy whose programs find the folder's `node_modules`, or what was installed, and its toolchains.

    Args:
        root: the user's folder.
        files: paths that were read of it.
    """
    if root is None or not root.is_dir() or settings.backend not in _MOUNTING:
        return policy
    if settings.backend != "docker" and files:
        from coder.environment.toolchains import with_toolchains

        policy = with_toolchains(policy, files, caches=settings.caches)
    installed = Installed(settings.installed).modules if settings.installed is not None else None
    own = found_folders(root.resolve(), files) if installed is None else {MODULES: installed}
    return policy.model_copy(update={"folders": {**own, **policy.folders}})


def found_folders(root: Path, files: Collection[str]) -> dict[str, Path]:
    """Each folder of dependencies beside a package's manifest, by its path.

    None that is a link or lies behind one, and none of which files were read: git tracks those.
    """
    packages = [path.removesuffix(_MANIFEST) for path in files if f"/{path}".endswith(f"/{_MANIFEST}")]
    places = sorted(
        {f"{package}{MODULES}" for package in packages}, key=lambda place: (place.count("/"), place)
    )
    tracked = {path.partition(f"{MODULES}/")[0] + MODULES for path in files if f"{MODULES}/" in path}
    found = {place: root / place for place in places if MODULES not in place.split("/")[:-1]}
    real = {place: path for place, path in found.items() if place not in tracked and _is_real(root, place)}
    return dict(list(real.items())[:_MOST])


def _is_real(root: Path, place: str) -> bool:
    parts = place.split("/")
    ways = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    return not any(way.is_symlink() for way in ways) and ways[-1].is_dir()
