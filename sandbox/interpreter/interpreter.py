"""Find the Python of programs by reading files: it is untrusted, so it is never run on the host."""

import functools
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sandbox.inner.walls.places import PYTHON, SITE, VENV
from sandbox.interpreter.environments import active_environments, environment_in

OLDEST = (3, 8)
"""Oldest Python for the server inside."""
BASE_INSIDE, VENV_INSIDE = Path(PYTHON), Path(VENV)
_SYSTEM = Path("/usr")
_NEEDED = ("ipykernel", "jupyter_client")


def library_variables() -> dict[str, str]:
    """Return LD_LIBRARY_PATH, by which this interpreter may have found its shared library, if it is set.

    For our own processes with a separate environment: without it, a relocated Python doesn't start.
    """
    folders = os.environ.get("LD_LIBRARY_PATH")
    return {"LD_LIBRARY_PATH": folders} if folders else {}


@dataclass(frozen=True, slots=True)
class Packages:
    """A subset of the packages installed in some folders."""

    folders: tuple[Path, ...]
    """Paths of `site-packages` folders."""
    names: frozenset[str]
    """Files and folders in them to show."""

    @property
    def sites(self) -> dict[str, str]:
        """Mount point of each folder, as a whole; the server hides packages that aren't in `names`."""
        return {str(folder): f"{SITE}{number}" for number, folder in enumerate(self.folders)}


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python on the host, and how a sandbox shows it."""

    path: Path
    """Path as named on the host, for `Policy.python`."""
    executable: Path
    """The base interpreter on the host, links resolved."""
    version: tuple[int, int]
    venv: Path | None = None
    """Root of the virtual environment on the host, if it is one."""
    hidden: tuple[Path, ...] = field(default=())
    """Folders of the prefix to hide, in which this product is installed."""
    packages: Packages | None = None
    """Packages of our own environment that it can import."""
    system: Path = Path("/")
    """Folder on the host that programs see as the root of their system."""

    @property
    def prefix(self) -> Path:
        """Root of the base interpreter on the host."""
        return self.executable.parent.parent

    @property
    def inside(self) -> Path:
        """Path in the sandbox of the base interpreter's file."""
        return self.show(self.executable)

    @property
    def folders(self) -> dict[str, str]:
        """Path in the sandbox of each folder that is shown read-only besides `/usr`."""
        in_system = self.prefix.is_relative_to(self.system / "usr")
        targets = {} if in_system else {str(self.prefix): str(BASE_INSIDE)}
        if self.venv is not None:
            targets[str(self.venv)] = str(VENV_INSIDE)
        return targets

    def show(self, path: Path) -> Path:
        """Return the path in the sandbox of a path below the base prefix."""
        if self.prefix.is_relative_to(self.system / "usr"):
            return Path("/") / path.relative_to(self.system)
        return BASE_INSIDE / path.relative_to(self.prefix)


def find_interpreter(
    named_path: Path | None, workspace: Path | None, environ: Mapping[str, str]
) -> Interpreter:
    """Find the task's interpreter: `named_path`, the workspace's `.venv`, the active one, that of Poetry or
    Pipenv, or the base.

    Raises:
        ValueError: the interpreter can't be used; the message says why.
    """
    if named_path is not None:
        return describe(named_path)
    if workspace is not None and (inside := environment_in(workspace)) is not None:
        return _refuse_repository_python(describe(inside / "bin" / "python"), workspace.resolve())
    for environment in active_environments(workspace, environ):
        return describe(environment / "bin" / "python")
    return describe(None)


def _refuse_repository_python(interpreter: Interpreter, workspace: Path) -> Interpreter:
    """Return the interpreter. Raises ValueError if its base came with the repository."""
    if interpreter.executable.is_relative_to(workspace) and not _holds_home(workspace):
        raise ValueError(
            f"{interpreter.path} is {interpreter.executable}, an interpreter that came with the folder "
            "itself. Name it with --python if you trust it, or another one."
        )
    return interpreter


def describe(path: Path | None) -> Interpreter:
    """Describe a Python on this machine; None for the base of the running one.

    Raises:
        ValueError: it isn't there, isn't a Python with its library beside it, or is too old.
    """
    base_executable: str = getattr(sys, "_base_executable", sys.executable)
    named_path = Path(os.path.abspath(path if path is not None else base_executable))
    root = named_path.parent.parent
    venv = root if (root / "pyvenv.cfg").is_file() else None
    executable = _find_base(named_path, venv)
    version = find_version(executable)
    for folder in (executable.parent.parent, venv):
        if folder is not None and not folder.is_relative_to(_SYSTEM) and _holds_home(folder):
            raise ValueError(
                f"{named_path} can't be shown to programs without all of {folder}, "
                "where your home folder is. Name another with --python."
            )
    if version < OLDEST:
        raise ValueError(
            f"{named_path} is Python {version[0]}.{version[1]}; programs in a sandbox need 3.8 or newer."
        )
    hidden = _find_own_folder(executable.parent.parent) if venv is None else ()
    return Interpreter(named_path, executable, version, venv, hidden)


def _find_base(named_path: Path, venv: Path | None) -> Path:
    executable = Path(os.path.realpath(named_path))
    if venv is not None and executable.is_relative_to(venv.resolve()):  # a venv made with copies
        home = _read_home(venv)
        executable = Path(os.path.realpath(home / "python3"))
    if not executable.is_file() or not os.access(executable, os.X_OK):
        raise ValueError(f"There is no Python at {named_path}. Name another with --python.")
    if not executable.name.startswith("python"):  # never run it to find out, as it is untrusted
        raise ValueError(f"{named_path} is {executable}, which is no Python. Name another with --python.")
    return executable


def _read_home(venv: Path) -> Path:
    content = (venv / "pyvenv.cfg").read_text(encoding="utf-8", errors="replace")
    match = re.search(r"^\s*home\s*=\s*(.+?)\s*$", content, re.MULTILINE)
    if match is None:
        raise ValueError(f"{venv / 'pyvenv.cfg'} names no home.")
    return Path(match[1])


def find_version(executable: Path) -> tuple[int, int]:
    """Return the version in the name of the library's folder. Raises ValueError if there is none."""
    prefix = executable.parent.parent
    libraries = [
        file.parent for folder in ("lib", "lib64") for file in prefix.glob(f"{folder}/python3.*/os.py")
    ]
    versions = sorted({_parse_version(library.name) for library in libraries} - {(0, 0)})
    named_version = _parse_version(executable.name)
    if named_version in versions:
        return named_version
    if len(versions) != 1:
        raise ValueError(
            f"{executable} has no library of its own in {prefix}/lib: it can't be shown in a sandbox."
        )
    return versions[0]


def _parse_version(name: str) -> tuple[int, int]:
    match = re.fullmatch(r"python(\d+)\.(\d+)", name)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _find_own_folder(prefix: Path) -> tuple[Path, ...]:
    """Return the folder where this product is installed, if it is inside the prefix that programs see."""
    product_folder = Path(__file__).resolve().parents[2]
    return (product_folder,) if product_folder.is_relative_to(prefix) else ()


def _holds_home(folder: Path) -> bool:
    return Path(os.path.expanduser("~")).resolve().is_relative_to(folder.resolve())


def add_kernel_packages(interpreter: Interpreter) -> Interpreter:
    """Return an interpreter that imports our kernel if it has none, and can."""
    root = interpreter.venv or interpreter.prefix
    has_own = any(root.glob("lib*/python3.*/*-packages/ipykernel"))
    return (
        interpreter
        if has_own or not can_use_our_packages(interpreter)
        else replace(interpreter, packages=_find_kernel_packages())
    )


def can_use_our_packages(interpreter: Interpreter) -> bool:
    """Whether an interpreter can import packages of the running Python."""
    return interpreter.version == sys.version_info[:2] and sys.implementation.name == "cpython"


@functools.cache
def _find_kernel_packages() -> Packages | None:
    folders: dict[Path, None] = {}
    names: set[str] = set()
    visited_keys: set[str] = set()
    pending = list(_NEEDED)
    while pending:
        name = pending.pop()
        key = re.sub(r"[-_.]+", "-", name).lower()
        if key in visited_keys:
            continue
        visited_keys.add(key)
        try:
            package = distribution(name)
        except PackageNotFoundError:
            if name in _NEEDED:
                return None
            continue  # only for another system or another Python
        folders[Path(str(package.locate_file(""))).resolve()] = None
        lines = (package.read_text("RECORD") or "").splitlines()
        names |= {re.split(r"[/,]", line.strip('"'), maxsplit=1)[0] for line in lines}
        pending += [
            _parse_name(requirement)
            for requirement in package.requires or ()
            if "extra ==" not in requirement
        ]
    return Packages(tuple(folders), frozenset(names - {"", "..", "__pycache__"}))


def _parse_name(requirement: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return match[0] if match else ""


def closed_folder(interpreter: Interpreter) -> Path | None:
    """Return the folder that keeps other users from an interpreter; None if they can reach it."""
    starts = (interpreter.venv or interpreter.prefix, interpreter.executable)
    places = (place for start in starts for place in (start, *start.parents))
    return next((place for place in places if not place.stat().st_mode & 0o001), None)
