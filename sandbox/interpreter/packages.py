"""The packages of a Jupyter kernel, with their dependencies, from our own environment."""

import functools
import re
import sys
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from sandbox.interpreter.interpreter import Interpreter, Packages

_NEEDED = ("ipykernel", "jupyter_client")


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
        names |= {_first(line) for line in (found.read_text("RECORD") or "").splitlines()}
        waiting += [_name(text) for text in found.requires or () if "extra ==" not in text]
    return Packages(tuple(folders), frozenset(names - {"", "..", "__pycache__"}))


def _first(line: str) -> str:
    """The top folder or file of a line of a distribution's RECORD."""
    return re.split(r"[/,]", line.strip('"'), maxsplit=1)[0]


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    return found[0] if found else ""
