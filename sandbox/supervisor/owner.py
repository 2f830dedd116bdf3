"""Who made something that can outlive its maker: told so exactly that nobody alive is ever taken for dead.

A pid alone says little: it comes again, after a restart of the machine too, and means another process in
another container. So a mark holds the boot, the pid namespace, the pid and when that process started.
"""

import os
import re
from dataclasses import dataclass
from functools import cache

_MARK = re.compile(r"([0-9a-f]{8})-(\d+)-(\d+)-(\d+)")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, for as long as this machine is up."""

    boot: str
    """First 8 digits of the kernel's random id of this boot."""
    namespace: int
    """Inode of the pid namespace in which `pid` counts."""
    pid: int
    started: int
    """In clock ticks since the boot."""

    @property
    def mark(self) -> str:
        """Part of a file's name, or a label: `boot-namespace-pid-started`."""
        return f"{self.boot}-{self.namespace}-{self.pid}-{self.started}"

    @property
    def is_dead(self) -> bool:
        """True when it certainly is: it could be seen from here, and isn't there. On doubt False."""
        if self.boot != _boot():
            return True
        return self.namespace == _namespace() and _started(self.pid) != self.started


def this_process() -> Owner:
    """The owner of what this process makes."""
    return Owner(_boot(), _namespace(), os.getpid(), _started(os.getpid()) or 0)


def owner_in(text: str) -> Owner | None:
    """The owner whose mark stands somewhere in a text, or None."""
    found = _MARK.search(text)
    return Owner(found[1], int(found[2]), int(found[3]), int(found[4])) if found else None


@cache
def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read(8)


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino


def _started(pid: int) -> int | None:
    """When a process started; None where there is none, or only what waits to be reaped."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])
