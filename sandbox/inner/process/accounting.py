"""Measure a container's resource use and limits from inside, as pid 1: cgroup v1 or v2.

The kernel's files are mounted read-only, so programs can't change them.
"""

from __future__ import annotations

import os
from typing import Any

_V1 = "/sys/fs/cgroup/{0}/{0}.{1}"
_V2 = "/sys/fs/cgroup/{0}"
_KILLS = "oom_kill"
_KERNELS = ("proc", "sysfs", "cgroup", "cgroup2", "devpts", "mqueue", "tmpfs")
_SOURCES = {
    "memory": ((_V2.format("memory.max"), ""), (_V1.format("memory", "limit_in_bytes"), "")),
    "swap": ((_V2.format("memory.swap.max"), ""), (_V1.format("memory", "memsw.limit_in_bytes"), "")),
    "pids": ((_V2.format("pids.max"), ""), (_V1.format("pids", "max"), "")),
    "peak": ((_V2.format("memory.peak"), ""), (_V1.format("memory", "max_usage_in_bytes"), "")),
    "oom_kills": ((_V2.format("memory.events"), _KILLS), (_V1.format("memory", "oom_control"), _KILLS)),
    "cpu_us": ((_V2.format("cpu.stat"), "usage_usec"),),
    "cpu_ns": ((_V1.format("cpuacct", "usage"), ""),),
}


def read(name: str) -> int | None:
    """Read one figure of this container's cgroup; -1 for no limit, None if unreadable."""
    for path, field in _SOURCES[name]:
        try:
            with open(path) as file:
                lines = [line.split() for line in file]
        except OSError:
            continue
        for words in lines:
            if words and (not field or words[0] == field):
                return -1 if words[-1] == "max" else int(words[-1])
    return None


def machine(folders: list[str]) -> dict[str, Any]:
    """Return the limits and mounts of this container."""
    with open("/proc/self/mounts") as file:
        mounts = [line.split() for line in file]
    with open("/proc/net/dev") as file:
        interfaces = [line.partition(":")[0].strip() for line in file if ":" in line]
    with open("/proc/meminfo") as file:
        swap_total = next((int(line.split()[1]) for line in file if line.startswith("SwapTotal")), 0)
    return {
        "cgroup": 2 if os.path.exists(_V2.format("cgroup.controllers")) else 1,
        **{name: read(name) for name in ("memory", "swap", "pids")},
        "writable": [place for _, place, kind, options, *_ in mounts if _is_disk(kind, options)],
        "interfaces": interfaces,
        "swap_total": swap_total,
        "sizes": {folder: _size_of(folder) for folder in folders},
        "machine": os.uname().machine,
    }


def _is_disk(kind: str, options: str) -> bool:
    """Whether a mount is writable and on a disk."""
    return options.split(",")[0] == "rw" and kind not in _KERNELS


def _size_of(folder: str) -> list[int]:
    """Return the maximum bytes and files of a folder's file system."""
    usage = os.statvfs(folder)
    return [usage.f_blocks * usage.f_frsize, usage.f_files]


class Accounts:
    """Resource use per group, measured as that of the whole container while the group runs."""

    def __init__(self, folders: list[str]) -> None:
        self._folders = folders
        self._began: dict[int, tuple[int, int, int]] = {}

    def begin(self, group: int) -> None:
        """Start counting for a group."""
        self._began[group] = self._now()

    def end(self, group: int) -> list[int]:
        """Return memory kills, CPU µs, new memory peak or 0, bytes in all folders, files in the first."""
        before, now = self._began.pop(group, None) or self._now(), self._now()
        kills, cpu = now[0] - before[0], now[1] - before[1]
        peak = now[2] if now[2] > before[2] else 0
        workspace = os.statvfs(self._folders[0])
        return [kills, cpu, peak, self.kept(), workspace.f_files - workspace.f_ffree]

    def kept(self) -> int:
        """Return the bytes used in all sized folders."""
        usages = map(os.statvfs, self._folders)
        return sum((item.f_blocks - item.f_bfree) * item.f_frsize for item in usages)

    def _now(self) -> tuple[int, int, int]:
        cpu = read("cpu_us")
        if cpu is None:
            cpu = (read("cpu_ns") or 0) // 1000
        return read("oom_kills") or 0, cpu, read("peak") or 0
