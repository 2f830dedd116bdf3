"""pid 1 of a container: ends what a run left behind, and everything once its owner is gone.

The owner talks to it over standard input and output, a line for each thing. It runs as uid 0 with no
capability but KILL and never looks at what a program wrote: all that it knows of a run is its group id, which
a program can't change. When its input ends, or the owner hasn't spoken for the time of a lease, it exits, and
the kernel ends whatever is in the container.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import Any

from sandbox.inner.process import container_agent
from sandbox.inner.process.accounting import Accounts, machine
from sandbox.inner.walls import landlock

_STDIN, _STDOUT = 0, 1
_CROWD_S = 0.3
"""To end one group while others go on; after that all of them end."""
_STUCK_S = 5.0
_UNSEEN_S = 0.02
"""Between two looks at a process where the kernel can't tell of its end."""


def main(settings: dict[str, Any]) -> None:
    """Serve the owner until it is gone. Never returns.

    Args:
        settings: `lease_s`; `folders`, the sized ones; `commands`, where Python is
            to be found; `uid` of programs; `without`, mechanisms to leave off; `host`, the socket that makes
            this a session, None where it isn't one.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps for us what a run left
    facts = machine(settings["folders"])
    facts["path"] = f"{_name_commands(settings['commands'])}:{os.environ.get('PATH', os.defpath)}"
    facts["python"] = list(sys.version_info[:3])
    facts["landlock"] = landlock.abi()
    host = container_agent.reach(settings["host"]) if settings["host"] else None
    say("up", repr(facts))
    if host is not None:
        os._exit(container_agent.serve(host))
    Init(settings).serve()


def say(*words: object) -> None:
    """Tell the owner one line."""
    os.write(_STDOUT, (" ".join(map(str, words)) + "\n").encode())


def _name_commands(folder: str) -> str:
    """Where programs find Python by both names; that of a virtual environment works in its own place only."""
    place = os.path.dirname(sys.executable)
    if os.path.exists(os.path.join(os.path.dirname(place), "pyvenv.cfg")):
        return place
    os.makedirs(folder, exist_ok=True)
    for name in ("python", "python3"):
        os.symlink(sys.executable, f"{folder}/{name}")
    return folder


class Init:
    """Which groups there are, and what each one's first process is watched by."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._uid: int = settings["uid"]
        self._lease_s: float = settings["lease_s"]
        self._without = frozenset(settings["without"])
        self._accounts = Accounts(settings["folders"])
        self._filters = int(status_of("self").get("Seccomp_filters", "0"))
        self._groups: dict[int, int] = {}
        """The first process of each group, 0 while it isn't known."""
        self._watched: dict[int, int] = {}
        """Descriptor of a first process, and its group."""
        self._heard = time.monotonic()

    def serve(self) -> None:
        """Do what the owner says, and end each group with its first process."""
        rest = b""
        while time.monotonic() - self._heard < self._lease_s:
            unseen = any(pid and not self._is_watched(group) for group, pid in self._groups.items())
            wait = _UNSEEN_S if unseen else self._lease_s / 4
            ready, _, _ = select.select([_STDIN, *self._watched], [], [], wait)
            for descriptor in ready:
                if descriptor != _STDIN:
                    self._end(self._watched[descriptor])
            if unseen:
                for group, pid in list(self._groups.items()):
                    if pid and not _is_alive(pid):
                        self._end(group)
            if _STDIN in ready:
                heard = os.read(_STDIN, 1 << 16)
                if not heard and "lifeline" not in self._without:
                    break
                self._heard = time.monotonic()
                *lines, rest = (rest + heard).split(b"\n")
                for line in lines:
                    self._obey(line.decode().split())
        os._exit(0)

    def _obey(self, words: list[str]) -> None:
        if words[0] == "beat":
            return
        order, group = words[0], int(words[1])
        if order == "hold":
            self._groups[group] = 0
        elif order == "watch":
            self._watch(group)
        elif order == "kill" and group in self._groups:
            self._kill(group)
        elif order == "drop" and group in self._groups:
            self._end(group)

    def _watch(self, group: int) -> None:
        """Look at the one process of a group, which waits for its job, and know when it ends."""
        found = self._members(group)
        if len(found) != 1:
            say("refused", group, f"it has {len(found)} processes")
            return
        pid = found[0]
        fault = self._fault(status_of(pid), group)
        if fault:
            say("refused", group, fault)
            return
        self._groups[group] = pid
        with suppress(AttributeError, OSError):  # an older Python or kernel: it is looked at instead
            self._watched[os.pidfd_open(pid)] = group
        self._accounts.begin(group)
        say("watching", group, self._accounts.kept())

    def _fault(self, status: dict[str, str], group: int) -> str:
        """What is missing of the walls that a process must have put up by now; "" for nothing."""
        wanted = {
            "Uid": [str(self._uid)] * 4,
            "Gid": [str(group)] * 4,
            **{f"Cap{name}": ["0" * 16] for name in ("Inh", "Prm", "Eff", "Amb")},
            "NoNewPrivs": ["1"],
            "Seccomp": ["2"],
        }
        if "seccomp" in self._without:
            del wanted["Seccomp"]
        if "uid" in self._without:
            wanted = {}
        for name, value in wanted.items():
            if status.get(name, "").split() != value:
                return f"{name} is {status.get(name)!r}"
        filters = status.get("Seccomp_filters")
        if "Seccomp" in wanted and filters is not None and int(filters) <= self._filters:
            return "it has no filter of system calls of its own"
        return ""

    def _end(self, group: int) -> None:
        """The first process of a group has ended: so does the rest, and the owner is told."""
        if "leftovers" not in self._without:
            self._kill(group)
        del self._groups[group]
        for descriptor, watched in list(self._watched.items()):
            if watched == group:
                os.close(descriptor)
                del self._watched[descriptor]
        say("ended", group, *self._accounts.end(group))

    def _is_watched(self, group: int) -> bool:
        return group in self._watched.values()

    def _kill(self, group: int) -> None:
        """Kill a group until there is nobody of it: all at once where it is alone here."""
        began = time.monotonic()
        while True:
            late = time.monotonic() - began
            if len(self._groups) == 1 or late > _CROWD_S:
                _kill_all()
                found = self._members(None)
            else:
                found = self._members(group)
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    for pid in found:
                        _send(pid, number)
            if not found:
                return
            if late > _STUCK_S:
                os._exit(1)  # what can't be ended ends with the container
            time.sleep(0.0005)

    def _members(self, group: int | None) -> list[int]:
        """Living processes of a group, of any with None; but for this one."""
        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != os.getpid():
                status = status_of(int(name))
                alive = status.get("State", "Z")[0] not in "ZX"
                if alive and (group is None or str(group) in status["Gid"].split()):
                    found.append(int(name))
        return found


def status_of(pid: int | str) -> dict[str, str]:
    """/proc/PID/status by name; nothing where there is no such process any more."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            pairs = [line.partition(":") for line in file]
    except (FileNotFoundError, ProcessLookupError):
        return {}
    # The first line of a name counts: the program's own name can hold no line break, and stands before.
    return {name: value.strip() for name, _, value in reversed(pairs)}


def _is_alive(pid: int) -> bool:
    return status_of(pid).get("State", "Z")[0] not in "ZX"


def _send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it has ended meanwhile


def _kill_all() -> None:
    _send(-1, signal.SIGKILL)
