"""Dependencies in the user's folder that copies of it don't hold: shown to programs, read-only.

Node's are `node_modules` beside the code. What `--install` has installed is an entry of a cache.
"""

import os
from collections.abc import Collection
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from coder.base.errors import UsageError
from coder.run.command_inputs import MODULES
from coder.run.settings import Settings
from coder.workspace.overlay import place_in, shown_files
from sandbox import Policy

ENVIRONMENT = "env"
"""Folder of an entry: a virtual environment. Beside it, or alone, are Node's modules."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry of the cache of installs (`coder/people/install/building.py`): whole, or not there."""

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


_MANIFEST = "package.json"
_MOST = 16
"""Folders of dependencies in one repository; those nearest to its root come first."""
_MOUNTING = ("auto", "bubblewrap", "docker")
"""Backends that can show a folder in a workspace."""


def with_dependencies(
    policy: Policy, root: Path | None, files: Collection[str], *, settings: Settings
) -> Policy:
    """Add to a policy `node_modules` of the folder, or what was installed, and toolchains for its `files`."""
    if root is None or not root.is_dir() or settings.sandbox not in _MOUNTING:
        return policy
    if settings.sandbox != "docker" and files:
        from coder.environment.toolchains import with_toolchains

        policy = with_toolchains(policy, files, caches=settings.caches)
    installed = Installed(settings.installed).modules if settings.installed is not None else None
    own = find_folders(root.resolve(), files) if installed is None else {MODULES: installed}
    return policy.model_copy(update={"folders": {**own, **policy.folders}})


def find_folders(root: Path, files: Collection[str]) -> dict[str, Path]:
    """Find folders of dependencies beside manifests, without links and folders that git tracks."""
    packages = [path.removesuffix(_MANIFEST) for path in files if f"/{path}".endswith(f"/{_MANIFEST}")]
    places = sorted(
        {f"{package}{MODULES}" for package in packages}, key=lambda place: (place.count("/"), place)
    )
    tracked = {path.partition(f"{MODULES}/")[0] + MODULES for path in files if f"{MODULES}/" in path}
    folders = {place: root / place for place in places if MODULES not in place.split("/")[:-1]}
    real = {place: path for place, path in folders.items() if place not in tracked and _is_real(root, place)}
    return dict(list(real.items())[:_MOST])


def _is_real(root: Path, place: str) -> bool:
    parts = place.split("/")
    ways = [root.joinpath(*parts[:count]) for count in range(1, len(parts) + 1)]
    return not any(way.is_symlink() for way in ways) and ways[-1].is_dir()


_NO_SECRETS = frozenset({".git", ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".password-store"})
"""Folders that are never shown. A `.git` inside a shown folder holds no more than its files did."""


def with_shown(policy: Policy, settings: Settings, root: Path | None) -> Policy:
    """Add folders of `--show` and `--add-dir`. Raises UsageError: not there, outside, or with keys."""
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
    from coder.context.secrecy import is_secret  # most runs are shown no further folder

    if hidden := sorted(_NO_SECRETS & set(folder.parts)):
        raise UsageError(f"{flag}: {folder} lies in {hidden[0]}, which may hold keys.")
    for base, folders, names in os.walk(folder):
        secret = next((name for name in names if is_secret(name)), None)
        secret = secret or next((name for name in folders if name in _NO_SECRETS - {".git"}), None)
        if secret is not None:
            raise UsageError(
                f"{flag}: {folder} holds {os.path.relpath(f'{base}/{secret}', folder)}, which may hold keys. "
                "Name what is needed by itself: --show takes a file that is named exactly."
            )
