"""Source folders: from where the project under work imports its own packages, relative to its folder.

An installed copy in the project's virtual environment that is "editable" leads to the user's folder, which
programs in a sandbox don't see: what it leads to is shown to them in the copy instead.
"""

import ast
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

_MOST = 1 << 20
_MAPPING = re.compile(r"^MAPPING[^=\n]*=\s*(\{.*\})\s*$", re.MULTILINE)


def source_folders(workspace: Path, files: Iterable[str]) -> tuple[str, ...]:
    """Folders for PYTHONPATH, relative, with `/`: `src` where it holds modules, and editable installs' own.

    Args:
        workspace: the user's folder, whose `.venv` is looked at.
        files: paths of the copy that programs see.
    """
    paths = set(files)
    found = dict.fromkeys(_editable(workspace.resolve()))
    if "src/__init__.py" not in paths and any(p.startswith("src/") and p.endswith(".py") for p in paths):
        found["src"] = None
    held = {parent for path in paths for parent in _parents(path)}
    return tuple(folder for folder in found if folder in held and ":" not in folder)


def inside(workspace: Path, path: str) -> list[str]:
    """Those folders of a PYTHONPATH of the user's that lie in the workspace, relative to it."""
    top = workspace.resolve()
    places = [Path(os.path.normpath(top / entry)) for entry in path.split(os.pathsep) if entry]
    return [place.relative_to(top).as_posix() for place in places if place.is_relative_to(top)]


def _editable(workspace: Path) -> Iterator[str]:
    """Folders beneath the workspace that its environment was told to import from."""
    for site in sorted(workspace.glob(".venv/lib/python3*/site-packages")):
        for place in sorted([*site.glob("*.pth"), *site.glob("__editable__*_finder.py")]):
            for named in _named(place):
                if named.is_absolute() and named.is_relative_to(workspace):
                    yield named.relative_to(workspace).as_posix()


def _named(place: Path) -> list[Path]:
    """Folders that a .pth file lists, or the one around each package of an editable install's finder."""
    try:
        with place.open("rb") as file:
            text = file.read(_MOST).decode("utf-8", "replace")
        if place.suffix == ".pth":
            return [Path(line.strip()) for line in text.splitlines() if not line.startswith(("import", "#"))]
        mapping = _MAPPING.search(text)
        values = ast.literal_eval(mapping[1]).values() if mapping else ()
        return [Path(value).parent for value in values if isinstance(value, str)]
    except (OSError, ValueError, SyntaxError, AttributeError, RecursionError, MemoryError):
        return []


def _parents(path: str) -> Iterator[str]:
    yield "."
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        yield "/".join(parts[:count])
