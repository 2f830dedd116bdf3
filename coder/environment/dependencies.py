"""Dependencies of the user's folder that its copies lack; what programs write there is discarded.

Node's are `node_modules` beside the code. Packages that `--install` installed are a cache entry.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from coder.base.errors import UsageError
from coder.context.secrecy import is_secret
from coder.run.command_inputs import MODULES
from coder.run.settings import Settings
from coder.workspace.overlay import place_in, shown_files
from sandbox import Policy

ENVIRONMENT = "env"
"""Folder of the virtual environment in a cache entry; the entry may also, or only, hold Node's modules."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry of the cache of installs (`coder/people/install/building.py`), complete or missing."""

    folder: Path

    @property
    def is_there(self) -> bool:
        """Whether the entry exists."""
        return self.folder.is_dir()

    @property
    def python(self) -> Path | None:
        """The interpreter of the entry's virtual environment; None if it has none."""
        python = self.folder / ENVIRONMENT / "bin" / "python"
        return python if python.is_symlink() else None

    @property
    def modules(self) -> Path | None:
        """The folder of Node's modules; None if the entry has none."""
        modules = self.folder / MODULES
        return modules if modules.is_dir() else None


_MANIFEST = "package.json"
_MAX_FOLDERS = 16
"""Maximum dependency folders of one repository; those nearest to its root come first."""
_MOUNTING_BACKENDS = ("auto", "bubblewrap", "docker")
"""Backends that can mount a folder into a workspace."""


def with_dependencies(
    policy: Policy, root: Path | None, files: Collection[str], *, settings: Settings
) -> Policy:
    """Add `node_modules` of the folder or the installed packages to a policy, and toolchains for its
    `files`.
    """
    if root is None or not root.is_dir() or settings.sandbox not in _MOUNTING_BACKENDS:
        return policy
    if settings.sandbox != "docker" and files:
        from coder.environment.toolchains import with_toolchains

        policy = with_toolchains(policy, files, caches=settings.caches)
    installed = Installed(settings.installed).modules if settings.installed is not None else None
    module_folders = find_folders(root.resolve(), files) if installed is None else {MODULES: installed}
    folders = {**module_folders, **policy.folders}
    return policy.model_copy(update={"folders": folders, "layered": (*module_folders, *policy.layered)})


def find_folders(root: Path, files: Collection[str]) -> dict[str, Path]:
    """Return folders of dependencies beside manifests, without links and folders that git tracks."""
    packages = [path.removesuffix(_MANIFEST) for path in files if f"/{path}".endswith(f"/{_MANIFEST}")]
    module_paths = sorted(
        {f"{package}{MODULES}" for package in packages},
        key=lambda path_of_modules: (path_of_modules.count("/"), path_of_modules),
    )
    tracked_paths = {path.partition(f"{MODULES}/")[0] + MODULES for path in files if f"{MODULES}/" in path}
    folders = {
        path_of_modules: root / path_of_modules
        for path_of_modules in module_paths
        if MODULES not in path_of_modules.split("/")[:-1]
    }
    real_folders = {
        path_of_modules: path
        for path_of_modules, path in folders.items()
        if path_of_modules not in tracked_paths and _is_real(root, path_of_modules)
    }
    return dict(list(real_folders.items())[:_MAX_FOLDERS])


def _is_real(root: Path, path: str) -> bool:
    parts = path.split("/")
    parents = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    return not any(parent.is_symlink() for parent in parents) and parents[-1].is_dir()


_SECRET_FOLDERS = frozenset(
    {".git", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store"}
)
"""Folders that can't be shown to programs. A `.git` inside a shown folder reveals nothing new."""


def with_shown(policy: Policy, settings: Settings, root: Path | None) -> Policy:
    """Add folders of `--show` and `--add-dir`.

    Raises UsageError if a folder is missing, outside, or holds keys.
    """
    if settings.show and (root is None or not root.is_dir()):
        raise UsageError("--show is about files of a folder: name it as PATH.")
    if len(settings.beside) < len(settings.add_dir):
        raise UsageError("--add-dir: two folders have the same name, by which programs find them.")
    for folder in settings.beside.values():
        if not folder.is_dir():
            raise UsageError(f"--add-dir: there is no folder {folder}.")
        if Path.home().resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"--add-dir: {folder} holds your home folder. Name what is needed of it.")
        _check_no_secrets(folder.resolve(), "--add-dir")
    places = {path: place_in(root, path) for path in settings.show} if root is not None else {}
    folders = {path: place for path, place in places.items() if place.is_dir()}
    for folder in folders.values():
        _check_no_secrets(folder, "--show")
    size = sum(map(len, shown_files(root, settings.show).values())) if root is not None else 0
    return policy.model_copy(
        update={
            "folders": {**policy.folders, **folders},
            "beside": {**policy.beside, **settings.beside},
            "disk_mb": policy.disk_mb + ceil(size / (1 << 20)),
        }
    )


def _check_no_secrets(folder: Path, flag: str) -> None:
    if secret_folders := sorted(_SECRET_FOLDERS & set(folder.parts)):
        raise UsageError(f"{flag}: {folder} lies in {secret_folders[0]}, which may hold keys.")
    if (secret := _find_secret(folder)) is not None:
        raise UsageError(
            f"{flag}: {folder} holds {secret}, which may hold keys. "
            "Name what is needed by itself: --show takes a file that is named exactly."
        )


def _find_secret(folder: Path) -> str | None:
    """Return the first path in a folder that may hold keys, by its name; None if there is none."""
    for base, folders, names in os.walk(folder):
        secret = next((name for name in names if is_secret(name)), None)
        secret = secret or next((name for name in folders if name in _SECRET_FOLDERS - {".git"}), None)
        if secret is not None:
            return os.path.relpath(f"{base}/{secret}", folder)
    return None


def may_hold_keys(folder: Path) -> bool:
    """Whether a folder holds or may hold keys, by the names in it and above it; the home folder does."""
    is_in_secret = not _SECRET_FOLDERS.isdisjoint(folder.parts)
    return is_in_secret or Path.home().resolve().is_relative_to(folder) or _find_secret(folder) is not None
