"""Values that a task's `docker-compose.yaml` may have: durations, paths, capabilities, memory for files."""

import posixpath
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+|0")
_BYTES = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}
MAX_TMPFS = 1 << 30
"""Maximum size in bytes of a service's memory for files, such as /dev/shm."""
USUAL_CAPABILITIES = frozenset(
    (
        *("AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE"),
        *("NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT"),
    )
)
"""Capabilities that Docker gives each container, so that adding them gives none."""
_KEPT = ("/dev", "/proc", "/sys", "/tests", "/solution")


def seconds_of(text: str) -> float:
    """Convert a duration such as `1m30s`, as Go writes it, to seconds. Raises ValueError."""
    if not _DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration such as 1m30s")
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))


def _seconds(value: object) -> object:
    return seconds_of(value) if isinstance(value, str) else value


def _check_target(path: str) -> str:
    normal = posixpath.normpath(path)
    if not path.startswith("/") or normal in ("/", "//") or ".." in path.split("/"):
        raise ValueError(f"{path!r} is no absolute path of a container below /")
    if any(f"{normal}/".startswith(f"{folder}/") for folder in _KEPT):
        raise ValueError(f"{path!r} lies where the system or the tests do")
    return normal


def _check_capability(name: str) -> str:
    if name.upper().removeprefix("CAP_") not in USUAL_CAPABILITIES:
        raise ValueError(f"{name!r} is more than each container of Docker has")
    return name


def _check_tmpfs(entry: str) -> str:
    path, _, options = entry.partition(":")
    _check_target(path)
    for option in filter(None, options.split(",")):
        if not re.fullmatch(r"size=\d+[kmg]?|mode=[0-7]+|uid=\d+|gid=\d+|r[ow]|no(suid|dev|exec)", option):
            raise ValueError(f"the option {option!r} isn't supported")
        size = re.fullmatch(r"size=(\d+)([kmg]?)", option)
        if size is not None and not 0 < int(size[1]) * _BYTES[size[2]] <= MAX_TMPFS:  # 0: no limit
            raise ValueError(f"{option!r} isn't a size up to 1 GiB")
    return entry


Duration = Annotated[float, BeforeValidator(_seconds), Field(ge=0, le=86_400)]
Target = Annotated[str, AfterValidator(_check_target)]
Capability = Annotated[str, AfterValidator(_check_capability)]
TmpfsEntry = Annotated[str, AfterValidator(_check_tmpfs)]
Nothing = Annotated[dict[str, str] | list[str] | None, Field(max_length=0)]
