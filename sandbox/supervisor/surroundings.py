"""Tell whether a container is around this process, and what of it programs may know."""

import os
from collections.abc import Mapping
from pathlib import Path

_FILES = (".dockerenv", "run/.containerenv")
_VARIABLE = "KUBERNETES_SERVICE_HOST"
_FIRST_PROCESS = "proc/1/environ"


def is_container(environment: Mapping[str, str], *, root: Path = Path("/")) -> bool:
    """Whether a container is around us, by an engine's files, Kubernetes' variable or pid 1's `container`."""
    if any((root / name).exists() for name in _FILES) or environment.get(_VARIABLE):
        return True
    try:
        variables = (root / _FIRST_PROCESS).read_bytes().split(b"\0")
    except OSError:  # another user's
        return False
    return any(variable.startswith(b"container=") for variable in variables)


def environment_in_place(own: Mapping[str, str], venv: Path | None, fallback: str) -> dict[str, str]:
    """Return our variables whose values are existing paths, which programs can read anyway and no key is.

    Args:
        venv: Virtual environment at the front of PATH.
        fallback: Folder with a Python, at the end of PATH.
    """
    kept = {
        name: value
        for name, value in own.items()
        if name != "TMPDIR" and value and all(map(_is_place, value.split(os.pathsep)))
    }
    first = [f"{venv}/bin"] if venv is not None else []
    return {**kept, "PATH": os.pathsep.join([*first, own.get("PATH", os.defpath), fallback])}


def _is_place(path: str) -> bool:
    return path.startswith("/") and os.path.exists(path)
