"""Which process holds a lease, and whether it is certainly dead.

A process id says something only inside one pid namespace of one boot of one machine, and only together with
the time at which the process started. Where that can't be known, the holder counts as alive until it expires.
"""

import os
import socket
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Owner:
    """One process, so that no other one is taken for it."""

    host: str
    namespace: str
    """Boot id and pid namespace; empty where the system has none."""
    pid: int
    started: str
    """Clock ticks from boot to the start of the process; empty where the system doesn't say."""

    @classmethod
    def current(cls) -> "Owner":
        """The calling process."""
        return cls(socket.gethostname(), _namespace(), os.getpid(), _state(os.getpid())[1])

    def died(self) -> bool:
        """True when the process has certainly ended; a zombie has ended."""
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return False
        if os.name != "posix":  # elsewhere os.kill(pid, 0) is no question but a signal
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        state, started = _state(self.pid)
        return state in ("Z", "X") or (bool(started) and started != self.started)


def _namespace() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _state(pid: int) -> tuple[str, str]:
    """State letter and start time of a process, from /proc; empty where it can't be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return fields[0], fields[19]
