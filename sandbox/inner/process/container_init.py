"""pid 1 of a container: kill what a run left behind, and everything after the owner's death.

The owner talks to it in lines over standard input and output. It runs as uid 0 with no capability but KILL
and never reads what programs wrote: it identifies runs by their group id, which a program can't change. At
EOF, or after a lease without a line, it exits, and the kernel ends the container. In a session it becomes
the agent, with sockets that the host sends.
"""

from __future__ import annotations

import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.process.accounting import Accounts, machine
from sandbox.inner.process.descendants import pids, send, state_of, status_of
from sandbox.inner.walls import landlock

_STDIN, _STDOUT = 0, 1
_CROWD_S = 0.3
"""Seconds to kill one group while others run; afterwards all are killed."""
_STUCK_S = 5.0
_SETTINGS = 1 << 16
"""Bytes."""
_UNSEEN_S = 0.02
"""Seconds between polls of a process without a pidfd."""


def main(settings: dict[str, Any]) -> None:
    """Serve the owner until it is dead. Never returns.

    Args:
        settings: `lease_s`; `folders`, the sized ones; `commands`, where to put Python's names; `uid` of
            programs; `without`, disabled mechanisms; `host`, a session's socket, otherwise None.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps leftovers of runs
    facts = machine(settings["folders"])
    facts["path"] = f"{_name_commands(settings['commands'])}:{os.environ.get('PATH', os.defpath)}"
    facts["python"] = list(sys.version_info[:3])
    facts["landlock"] = landlock.abi()
    host = _connect_to_host(settings["host"]) if settings["host"] else None
    say("up", repr(facts))
    if host is not None:
        os._exit(_run_as_agent(host))
    Init(settings).serve()


def say(*words: object) -> None:
    """Send the owner one line."""
    os.write(_STDOUT, (" ".join(map(str, words)) + "\n").encode())


def _name_commands(folder: str) -> str:
    """Create a folder with both names of Python; a virtual environment works only in place."""
    place = os.path.dirname(sys.executable)
    if os.path.exists(os.path.join(os.path.dirname(place), "pyvenv.cfg")):
        return place
    os.makedirs(folder, exist_ok=True)
    for name in ("python", "python3"):
        os.symlink(sys.executable, f"{folder}/{name}")
    return folder


def _connect_to_host(place: str) -> socket.socket | None:
    """Connect to the host; None if the engine is on another machine."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(place)
    except OSError:
        return None
    return connection


def _run_as_agent(host: socket.socket) -> int:
    """Receive settings and sockets from the host, then act as a session's agent."""
    message, descriptors = wire.receive_with_fds(host, _SETTINGS, wire.MOST)
    host.close()
    if not message:
        return 0
    # Imported here: other containers lack the agent.
    alone = importlib.import_module("sandbox.inner.process.spawn_alone")
    settings = json.loads(message)
    status, work = descriptors
    code: int = alone.serve_session(settings, alone.walls_of(settings), status, socket.socket(fileno=work))
    return code


class Init:
    """The groups, and the first process of each."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._uid: int = settings["uid"]
        self._lease_s: float = settings["lease_s"]
        self._without = frozenset(settings["without"])
        self._accounts = Accounts(settings["folders"])
        self._filters = int(status_of("self").get("Seccomp_filters", "0"))
        self._groups: dict[int, int] = {}
        """First process of each group; 0 while unknown."""
        self._watched: dict[int, int] = {}
        """Group by pidfd of its first process."""
        self._heard = time.monotonic()

    def serve(self) -> None:
        """Follow the owner's requests; end each group with its first process."""
        rest = b""
        while time.monotonic() - self._heard < self._lease_s:
            unseen = any(pid and group not in self._watched.values() for group, pid in self._groups.items())
            wait = _UNSEEN_S if unseen else self._lease_s / 4
            ready, _, _ = select.select([_STDIN, *self._watched], [], [], wait)
            for descriptor in ready:
                if descriptor != _STDIN:
                    self._end(self._watched[descriptor])
            if unseen:
                for group, pid in list(self._groups.items()):
                    if pid and state_of(pid) in "ZX":
                        self._end(group)
            if _STDIN in ready:
                heard = os.read(_STDIN, 1 << 16)
                if not heard and "lifeline" not in self._without:
                    break
                self._heard = time.monotonic()
                *lines, rest = (rest + heard).split(b"\n")
                for line in lines:
                    self._handle_command(line.decode().split())
        os._exit(0)

    def _handle_command(self, words: list[str]) -> None:
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
        """Verify the only process of a group, which waits for its job, and watch for its end."""
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
        with suppress(AttributeError, OSError):  # an older Python or kernel: it is polled
            self._watched[os.pidfd_open(pid)] = group
        self._accounts.begin(group)
        say("watching", group, self._accounts.kept())

    def _fault(self, status: dict[str, str], group: int) -> str:
        """Which wall a process lacks; empty if none."""
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
        """Kill a group after its first process, and tell the owner."""
        if "leftovers" not in self._without:
            self._kill(group)
        del self._groups[group]
        for descriptor, watched in list(self._watched.items()):
            if watched == group:
                os.close(descriptor)
                del self._watched[descriptor]
        say("ended", group, *self._accounts.end(group))

    def _kill(self, group: int) -> None:
        """Kill a group until no process lives: all processes at once if it is alone."""
        began = time.monotonic()
        while True:
            late = time.monotonic() - began
            if len(self._groups) == 1 or late > _CROWD_S:
                send(-1, signal.SIGKILL)
                found = self._members(None)
            else:
                found = self._members(group)
                for number in (signal.SIGSTOP, signal.SIGKILL):
                    for pid in found:
                        send(pid, number)
            if not found:
                return
            if late > _STUCK_S:
                os._exit(1)  # the container's end kills the rest
            time.sleep(0.0005)

    def _members(self, group: int | None) -> list[int]:
        """Living processes of a group, or of all with None, except this one."""
        found = []
        for pid in pids():
            status = status_of(pid) if pid != os.getpid() else {}
            alive = status.get("State", "Z")[0] not in "ZX"
            if alive and (group is None or str(group) in status["Gid"].split()):
                found.append(pid)
        return found
