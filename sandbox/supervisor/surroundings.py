"""Tell whether a container is around this process."""

from collections.abc import Mapping
from pathlib import Path

_FILES = (".dockerenv", "run/.containerenv")
_VARIABLE = "KUBERNETES_SERVICE_HOST"
_FIRST_PROCESS = "proc/1/environ"


def is_container(environment: Mapping[str, str], *, root: Path = Path("/")) -> bool:
    """Whether an engine's files, Kubernetes' variable, or pid 1's variable `container` are there."""
    if any((root / name).exists() for name in _FILES) or environment.get(_VARIABLE):
        return True
    try:
        variables = (root / _FIRST_PROCESS).read_bytes().split(b"\0")
    except OSError:  # another user's
        return False
    return any(variable.startswith(b"container=") for variable in variables)
