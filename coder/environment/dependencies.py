"""Dependencies in the user's folder that copies of it don't hold: shown to programs, read-only.

Node's are `node_modules` beside the code. What `--install` has installed is an entry of a cache.
"""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from coder.run.command_inputs import MODULES
from coder.run.settings import Settings
from sandbox import Policy

ENVIRONMENT = "env"
"""Folder of an entry: a virtual environment. Beside it, or alone, are Node's modules."""


@dataclass(frozen=True, slots=True)
class Installed:
    """An entry of the cache of installs (`coder/install/entries.py`): whole, or not there."""

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
    if root is None or not root.is_dir() or settings.backend not in _MOUNTING:
        return policy
    if settings.backend != "docker" and files:
        from coder.environment.toolchains import with_toolchains

        policy = with_toolchains(policy, files, caches=settings.caches)
    installed = Installed(settings.installed).modules if settings.installed is not None else None
    own = found_folders(root.resolve(), files) if installed is None else {MODULES: installed}
    return policy.model_copy(update={"folders": {**own, **policy.folders}})


def found_folders(root: Path, files: Collection[str]) -> dict[str, Path]:
    """Folders of dependencies beside manifests, by path: no link, none behind one, none that git tracks."""
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
