"""Find the Python of programs by looking at files: nothing of it is run on the host, as it is untrusted."""

import functools
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sandbox.inner.walls.places import PYTHON, SITE, VENV

OLDEST = (3, 8)
"""Oldest Python for the server inside."""
BASE_INSIDE, VENV_INSIDE = Path(PYTHON), Path(VENV)
_SYSTEM = Path("/usr")
_NEEDED = ("ipykernel", "jupyter_client")


@dataclass(frozen=True, slots=True)
class Packages:
    """Some of what is installed in some folders."""

    folders: tuple[Path, ...]
    """Each a `site-packages`."""
    names: frozenset[str]
    """Files and folders in them to show."""

    @property
    def sites(self) -> dict[str, str]:
        """Where the outer wall shows the whole folders; the server hides other packages."""
        return {str(folder): f"{SITE}{number}" for number, folder in enumerate(self.folders)}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on the host, and how a sandbox shows it."""

    path: Path
    """As named on the host, for `Policy.python`."""
    executable: Path
    """The base interpreter on the host, links resolved."""
    version: tuple[int, int]
    venv: Path | None = None
    """Root of the virtual environment on the host, if it is one."""
    hidden: tuple[Path, ...] = field(default=())
    """Folders of the prefix to hide: where this product is installed."""
    packages: Packages | None = None
    """Packages of our own environment to show it."""

    @property
    def prefix(self) -> Path:
        """Root of the base interpreter on the host."""
        return self.executable.parent.parent

    @property
    def inside(self) -> Path:
        """The base interpreter's file as the sandbox shows it."""
        return self.show(self.executable)

    @property
    def folders(self) -> dict[str, str]:
        """Where folders besides `/usr` are shown read-only."""
        bound = {} if self.prefix.is_relative_to(_SYSTEM) else {str(self.prefix): str(BASE_INSIDE)}
        if self.venv is not None:
            bound[str(self.venv)] = str(VENV_INSIDE)
        return bound

    def show(self, path: Path) -> Path:
        """A path below the base prefix as the sandbox shows it."""
        return path if self.prefix.is_relative_to(_SYSTEM) else BASE_INSIDE / path.relative_to(self.prefix)


def find_interpreter(
    explicit: Path | None, workspace: Path | None, environ: Mapping[str, str]
) -> Interpreter:
    """The task's interpreter: named, else the workspace's `.venv`, else the active one, else the base.

    Raises:
        ValueError: the interpreter can't be used; the message says why.
    """
    if explicit is not None:
        return describe(explicit)
    if workspace is not None and (workspace / ".venv" / "pyvenv.cfg").is_file():
        return _of_workspace(describe(workspace / ".venv" / "bin" / "python"), workspace.resolve())
    active = environ.get("VIRTUAL_ENV")
    if active and Path(active).resolve() != Path(sys.prefix).resolve():
        return describe(Path(active) / "bin" / "python")
    return describe(None)


def _of_workspace(found: Interpreter, workspace: Path) -> Interpreter:
    """Refuse a base interpreter that came with the repository."""
    if found.executable.is_relative_to(workspace) and not _holds_home(workspace):
        raise ValueError(
            f"{found.path} is {found.executable}, an interpreter that came with the folder itself. "
            "Name it with --python if you trust it, or another one."
        )
    return found


def describe(path: Path | None) -> Interpreter:
    """Describe a Python on this machine; None is the base of the one that runs us.

    Raises:
        ValueError: it isn't there, isn't a Python with its library beside it, or is too old.
    """
    base_executable: str = getattr(sys, "_base_executable", sys.executable)
    named = Path(os.path.abspath(path if path is not None else base_executable))
    root = named.parent.parent
    venv = root if (root / "pyvenv.cfg").is_file() else None
    executable = _base_of(named, venv)
    version = _version(executable)
    for shown in (executable.parent.parent, venv):
        if shown is not None and not shown.is_relative_to(_SYSTEM) and _holds_home(shown):
            raise ValueError(
                f"{named} can't be shown to programs without all of {shown}, where your home folder is. "
                "Name another with --python."
            )
    if version < OLDEST:
        raise ValueError(
            f"{named} is Python {version[0]}.{version[1]}; programs in a sandbox need 3.8 or newer."
        )
    hidden = _own_folder(executable.parent.parent) if venv is None else ()
    return Interpreter(named, executable, version, venv, hidden)


def _base_of(named: Path, venv: Path | None) -> Path:
    executable = Path(os.path.realpath(named))
    if venv is not None and executable.is_relative_to(venv.resolve()):  # a venv made with copies
        home = _home(venv)
        executable = Path(os.path.realpath(home / "python3"))
    if not executable.is_file() or not os.access(executable, os.X_OK):
        raise ValueError(f"There is no Python at {named}. Name another with --python.")
    if not executable.name.startswith("python"):  # it isn't run to find out, as it is untrusted
        raise ValueError(f"{named} is {executable}, which is no Python. Name another with --python.")
    return executable


def _home(venv: Path) -> Path:
    content = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    found = re.search(r"^\s*home\s*=\s*(.+?)\s*$", content, re.MULTILINE)
    if found is None:
        raise ValueError(f"{venv / 'pyvenv.cfg'} names no home.")
    return Path(found[1])


def _version(executable: Path) -> tuple[int, int]:
    """Version by the name of the library's folder."""
    prefix = executable.parent.parent
    libraries = [
        place.parent for folder in ("lib", "lib64") for place in prefix.glob(f"{folder}/python3.*/os.py")
    ]
    versions = sorted({_numbers(library.name) for library in libraries} - {(0, 0)})
    own = _numbers(executable.name)
    if own in versions:
        return own
    if len(versions) != 1:
        raise ValueError(
            f"{executable} has no library of its own in {prefix}/lib: it can't be shown in a sandbox."
        )
    return versions[0]


def _numbers(name: str) -> tuple[int, int]:
    found = re.fullmatch(r"python(\d+)\.(\d+)", name)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _own_folder(prefix: Path) -> tuple[Path, ...]:
    """Where this product is installed, if inside the prefix that programs see."""
    own = Path(__file__).resolve().parents[2]
    return (own,) if own.is_relative_to(prefix) else ()


def _holds_home(folder: Path) -> bool:
    return Path(os.path.expanduser("~")).resolve().is_relative_to(folder.resolve())


def with_kernel(interpreter: Interpreter) -> Interpreter:
    """Show our packages to an interpreter without a kernel that can use them."""
    root = interpreter.venv or interpreter.prefix
    has_own = any(root.glob("lib*/python3.*/*-packages/ipykernel"))
    return interpreter if has_own or not fits(interpreter) else replace(interpreter, packages=_ours())


def fits(interpreter: Interpreter) -> bool:
    """Whether it can use packages of the Python that runs us."""
    return interpreter.version == sys.version_info[:2] and sys.implementation.name == "cpython"


@functools.cache
def _ours() -> Packages | None:
    folders: dict[Path, None] = {}
    names: set[str] = set()
    seen: set[str] = set()
    waiting = list(_NEEDED)
    while waiting:
        name = waiting.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(name)
        except PackageNotFoundError:
            if name in _NEEDED:
                return None
            continue  # of another system, or another Python
        folders[Path(str(found.locate_file(""))).resolve()] = None
        lines = (found.read_text("RECORD") or "").splitlines()
        names |= {re.split(r"[/,]", line.strip('"'), maxsplit=1)[0] for line in lines}
        waiting += [_name(text) for text in found.requires or () if "extra ==" not in text]
    return Packages(tuple(folders), frozenset(names - {"", "..", "__pycache__"}))


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0] if found else ""
