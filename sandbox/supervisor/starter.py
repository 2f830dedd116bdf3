"""The starter: a keeper that starts each run itself, for machines where a server can't make namespaces.

Single-threaded. The host requests children over a SEQPACKET socket, as from a server
(`inner/process/spawn_server.py`); each child becomes bubblewrap around one run, or the run itself. EOF on the
lifeline means that the owner is dead: the starter ends everything and removes folders and cgroups.
"""

import json
import os
import select
import signal
import socket
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.process.descendants import (
    child_exit_descriptor,
    children_of,
    count_descendants,
    end_all_of,
    end_descendants,
    send,
)
from sandbox.inner.walls import landlock
from sandbox.supervisor.launch import begin, remove_group, step_down
from sandbox.supervisor.run_folders import Folders

_MESSAGE = 1 << 16


class Starter:
    """The children of one sandbox, and their folders."""

    def __init__(self, plan: "dict[str, Any]", walls: "dict[str, Any]") -> None:
        self._plan, self._walls = plan, walls
        self._uid: int = plan["uid"]
        self._number = 0
        self._children: dict[int, str] = {}
        self._finished: list[str] = []
        self.left: set[int] = set()
        """Processes that outlive this sandbox, which works in place."""
        self.folders = Folders(plan, walls)

    def start(self, request: "dict[str, Any]", descriptors: list[int]) -> None:
        """Start one child; report a failure to the host."""
        self._number += 1
        folder = f"{self.folders.base}/run-{self._number}"
        try:
            self.folders.make(f"run-{self._number}", fresh=request["fresh"])
        except OSError as error:  # a program removed our permissions on folders meanwhile
            wire.complain(descriptors[0], error)
            return
        in_wall = self._plan["bwrap"] is not None
        siblings = 0 if in_wall else count_descendants()
        child = os.fork()
        if child == 0:
            try:
                self._become({**request, "siblings": siblings}, descriptors, folder)
            except OSError as error:
                wire.complain(descriptors[0], error)
            finally:
                os._exit(1)
        self._children[child] = folder

    def leave(self, reaper: int) -> None:
        """End a session that works in place, but nothing that its commands started.

        The reaper would end that, so it is killed, and then the agent: a subreaper's orphans come to us.
        """
        if not self._plan["in_place"] or reaper not in self._children:
            return
        for pid in (reaper, *children_of(reaper)[:1]):
            send(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        self._finished.append(self._children.pop(reaper))
        self.left |= set(children_of(os.getpid())) - set(self._children)

    def notice_ends(self) -> None:
        """Reap ended children, and kill processes that they left."""
        for child in list(self._children):
            if os.waitpid(child, os.WNOHANG)[0]:
                self._finished.append(self._children.pop(child))
        end_descendants(spared=frozenset(self._children) | self.left)
        self._finished = [folder for folder in self._finished if not self.folders.try_remove(folder)]

    def end(self) -> None:
        """End every child and remove every folder."""
        end_descendants(spared=frozenset(self.left))
        if self._plan["bwrap"] is None and not self.folders.are_ours:
            end_all_of(self._uid)
        self.folders.end([*self._children.values(), *self._finished])

    def _become(self, request: "dict[str, Any]", descriptors: list[int], folder: str) -> None:
        status, work, *groups = descriptors
        if os.getuid() == 0 and self._uid != 0:
            step_down(self._uid)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        in_wall = self._plan["bwrap"] is not None
        workspace = f"{folder}/w" if request["fresh"] else self._plan["in_place"] or f"{self.folders.base}/w"
        own_rules = [(place, landlock.EVERYTHING) for place in (workspace, f"{folder}/tmp")]
        home: str = self._plan["home"]
        variables = {} if in_wall else {"HOME": home or workspace, "TMPDIR": f"{folder}/tmp"}
        settings = {
            "walls": self._walls,
            "rlimits": request["rlimits"],
            "fresh": request["fresh"],
            "session": request["session"],
            "status": status,
            "work": work,
            "groups": groups,
            "shares_uid": self.folders.are_ours and not in_wall,
            "siblings": request["siblings"],
            "workspace": "/w" if in_wall else workspace,
            "environment": variables,
            "namespaces": in_wall,
            "venv": self._plan["host_venv"],
            "home": home,
            "rules": None if in_wall else [*self._plan["rules"], *own_rules],
        }
        settings_file = os.memfd_create("settings", 0)
        os.pwrite(settings_file, json.dumps(settings).encode(), 0)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        command = [*self._plan["command"], str(settings_file)]
        if in_wall:
            fresh: bool = request["fresh"]
            command = self.folders.wall(folder, workspace, fresh=fresh) + command
        os.execve(command[0] if not in_wall else self._plan["bwrap"], command, self._plan["environment"])


def main(plan: "dict[str, Any]") -> None:
    """Start runs until the owner is dead."""
    begin(plan)
    lifeline: int = plan["lifeline"]
    control = socket.socket(fileno=plan["control"])
    control.set_inheritable(False)
    exit_descriptor = child_exit_descriptor()
    walls_message = control.recv(_MESSAGE)
    if not walls_message:
        return
    walls = json.loads(walls_message)
    starter = Starter(plan, walls)
    try:
        workspace = starter.folders.prepare()
        greeting = {"landlock": min(landlock.abi(), walls["landlock"])}
        wire.send_with_fds(control, json.dumps(greeting).encode(), [workspace])
        os.close(workspace)
        _serve(starter, control, lifeline, exit_descriptor)
    finally:
        starter.end()
        for group in () if starter.left else plan["cgroups"]:
            remove_group(group)


def _serve(starter: Starter, control: socket.socket, lifeline: int, exit_descriptor: int) -> None:
    while True:
        ready, _, _ = select.select([control.fileno(), lifeline, exit_descriptor], [], [])
        if lifeline in ready:
            return
        if exit_descriptor in ready:
            os.read(exit_descriptor, 4096)
            starter.notice_ends()
        if control.fileno() in ready:
            request, descriptors = wire.receive_with_fds(control, _MESSAGE, wire.MAX_DESCRIPTORS)
            if not request:
                return
            order = json.loads(request)
            if "leave" in order:
                starter.leave(order["leave"])
            else:
                starter.start(order, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
