"""The starter: a keeper that starts every run by itself, where no server inside one wall can.

It has one thread. The host asks it for children over a SEQPACKET socket as it would ask a server
(`inner/server.py`); each child becomes bubblewrap with one run in it, or that run itself. When the lifeline
says EOF, the owner is gone: all that is left is ended, and folders and cgroups are removed.

Run as `python -I -S -c … DESCRIPTOR MARK`, by a bare package `sandbox`: importing the real one takes longer.
"""

import json
import marshal
import os
import select
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from sandbox.inner import landlock, wire
from sandbox.inner.descendants import become_subreaper, count_descendants, end_descendants
from sandbox.inner.root import KERNEL, SITE
from sandbox.inner.syscalls import MNT_DETACH, MS_NODEV, MS_NOSUID, MS_RDONLY, libc, mount
from sandbox.launch import bind_privately, remove_group
from sandbox.shown_venv import show_venv
from sandbox.workspace import Workspace

_MESSAGE = 1 << 16
_PRIVATE = "/tmp/base"
"""Where root keeps its files: a tmpfs in a mount namespace that only the starter has."""


class Starter:
    """The folders of one sandbox, and its children."""

    def __init__(self, given: "dict[str, Any]", walls: "dict[str, Any]") -> None:
        self._given, self._walls = given, walls
        self._uid: int = given["uid"]
        self._number = 0
        self._children: dict[int, str] = {}
        self._finished: list[str] = []
        self._private: bool = given["private"]
        self._shown: dict[str, str] = dict(given["folders"])
        if self._private:
            bound = bind_privately(given["folders"])
            self._shown = {_without_its_path(place): target for place, target in bound.items()}
        self._base = _PRIVATE if self._private else given["base"]
        self._is_ours = os.getuid() == self._uid
        """Programs have our uid: what they see of our folders, they may have closed to us."""
        self._binds: list[str] = []

    def prepare(self) -> int:
        """Make the folders that all runs share; a descriptor of the workspace that lasts."""
        os.mkdir(self._base, 0o711)
        for path, content in self._given["files"].items():
            place = Path(self._base + path)
            place.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            if content is None:
                place.mkdir(mode=0o755)
            else:
                place.write_bytes(content)
        for path, target in self._given["links"].items():
            Path(self._base + path).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            os.symlink(target, self._base + path)
        for source, target in self._shown.items():
            self._binds += self._show(source, target)
        venv = self._given["venv"]
        if venv is not None:
            source = next(place for place, target in self._shown.items() if target == venv)
            self._binds += show_venv(
                source, f"{self._base}/venv", shown=venv, executable=self._given["python"]
            )
        return self._make_workspace("w")

    def _show(self, source: str, target: str) -> list[str]:
        if not target.startswith(SITE):
            return ["--ro-bind", source, target]
        names = sorted(set(os.listdir(source)) & set(self._given["packages"]))
        return [word for name in names for word in ("--ro-bind", f"{source}/{name}", f"{KERNEL}/{name}")]

    def start(self, request: "dict[str, Any]", descriptors: list[int]) -> None:
        """Start one child; who can't be started says so, or by its end."""
        self._number += 1
        folder = f"{self._base}/run-{self._number}"
        try:
            self._make_folders(f"run-{self._number}", fresh=request["fresh"])
        except OSError as error:  # a program closes folders while we make them
            _complain(descriptors[0], error)
            return
        others = None if self._is_ours else count_descendants()
        child = os.fork()
        if child == 0:
            try:
                self._become({**request, "others": others}, descriptors, folder)
            except OSError as error:
                _complain(descriptors[0], error)
            finally:
                os._exit(1)
        self._children[child] = folder

    def _make_folders(self, name: str, *, fresh: bool) -> None:
        if self._is_ours:
            os.chmod(self._base, 0o711)
        os.mkdir(f"{self._base}/{name}", 0o711)
        if self._private or self._given["bwrap"] is None:
            for place in ("w", "tmp") if fresh else ("tmp",):
                os.close(self._make_workspace(f"{name}/{place}"))

    def notice_ends(self) -> None:
        """Reap children that ended, and end what they left behind where no namespace did."""
        for child in list(self._children):
            if os.waitpid(child, os.WNOHANG)[0]:
                self._finished.append(self._children.pop(child))
        end_descendants(spared=frozenset(self._children))
        self._finished = [folder for folder in self._finished if not self._removed(folder)]

    def end(self) -> None:
        """End every child, and remove every folder."""
        end_descendants()
        if self._is_ours:
            self._empty(self._base)
            os.rmdir(self._base)
        elif not self._private:
            for folder in (*self._children.values(), *self._finished):
                for name in ("w", "tmp"):
                    self._empty(f"{folder}/{name}")
            self._empty(f"{self._base}/w")
            shutil.rmtree(self._base)

    def _become(self, request: "dict[str, Any]", descriptors: list[int], folder: str) -> None:
        status, work, *groups = descriptors
        if os.getuid() == 0 and self._uid != 0:
            os.setgroups([])
            os.setresgid(self._uid, self._uid, self._uid)
            os.setresuid(self._uid, self._uid, self._uid)
        os.umask(0o022)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        in_wall = self._given["bwrap"] is not None
        workspace = f"{folder}/w" if request["fresh"] else f"{self._base}/w"
        own = {} if in_wall else {"HOME": workspace, "TMPDIR": f"{folder}/tmp"}
        settings = {
            "walls": self._walls,
            "rlimits": request["rlimits"],
            "fresh": request["fresh"],
            "status": status,
            "work": work,
            "groups": groups,
            "others": request["others"],
            "workspace": "/w" if in_wall else workspace,
            "environment": own,
            "namespaces": in_wall,
            "venv": self._given["beside"],
            "rules": None if in_wall else [*self._given["rules"], *_rules(workspace, f"{folder}/tmp")],
        }
        content = os.memfd_create("settings", 0)
        os.pwrite(content, json.dumps(settings).encode(), 0)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, True)
        command = [*self._given["command"], str(content)]
        if in_wall:
            command = self._wall(folder, workspace, request["fresh"]) + command
        os.execve(command[0] if not in_wall else self._given["bwrap"], command, self._given["environment"])

    def _wall(self, folder: str, workspace: str, fresh: bool) -> list[str]:
        """What bubblewrap is told for one run; argv[0] says whose it is."""
        size = str(self._walls["disk_bytes"])
        shared = str(self._walls["shared_memory_bytes"])
        sized = [] if "disk" in self._walls["without"] else ["--size", size]
        place, temporary = ["--bind", workspace, "/w"], ["--bind", f"{folder}/tmp", "/tmp"]
        if not self._private:
            temporary = ["--perms", "1777", *sized, "--tmpfs", "/tmp"]
        if fresh and not self._private:
            place = ["--perms", "0700", *sized, "--tmpfs", "/w"]
        return [
            self._given["name"],
            *self._given["before"],
            *self._binds,
            *("--ro-bind", f"{self._base}/opt/lib", "/opt/lib", "--ro-bind", f"{self._base}/etc", "/etc"),
            *self._given["after"],
            *temporary,
            *("--perms", "1777", "--size", shared, "--tmpfs", "/dev/shm"),
            *place,
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"),
        ]

    def _make_workspace(self, name: str) -> int:
        """A folder that the uid of the sandbox owns: with a size and a number of files where we are root."""
        place = f"{self._base}/{name}"
        os.mkdir(place, 0o700)
        if self._private:
            mount("tmpfs", place, "tmpfs", MS_NOSUID | MS_NODEV, self._options())
        if os.getuid() == 0:
            os.chown(place, self._uid, self._uid)
        return os.open(place, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)

    def _options(self) -> str:
        """Of a workspace's tmpfs: a size and a number of files."""
        without = self._walls["without"]
        options = [] if "disk" in without else [f"size={self._walls['disk_bytes']}"]
        options += [] if "files" in without else [f"nr_inodes={self._walls['files']}"]
        return ",".join([*options, "mode=700"])

    def _removed(self, folder: str) -> bool:
        """Remove the folder of a run that has ended; False while the host still takes its files.

        What is mounted there lasts until its last descriptor is closed.
        """
        self._empty(f"{folder}/tmp")
        for name in ("w", "tmp"):
            if self._private:
                libc.umount2(f"{folder}/{name}".encode(), MNT_DETACH)
            try:
                os.rmdir(f"{folder}/{name}")
            except FileNotFoundError:
                continue
            except OSError:
                return False
        os.rmdir(folder)
        return True

    def _empty(self, folder: str) -> None:
        """With the rights of the sandbox: whatever programs have put there."""
        if os.path.isdir(folder):
            root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            workspace = Workspace(root, self._uid)
            workspace.remove(".")
            workspace.close()


def _without_its_path(place: str) -> str:
    """The folder once more, as an overlay: the mount table names no place on the machine then."""
    empty, shown = f"{place}-empty", f"{place}-shown"
    for folder in (empty, shown):
        os.mkdir(folder, 0o755)
    try:
        mount("overlay", shown, "overlay", MS_RDONLY | MS_NOSUID | MS_NODEV, f"lowerdir={place}:{empty}")
    except OSError:
        return place  # a kernel without overlays shows a path, and that is all
    return shown


def _complain(status: int, error: OSError) -> None:
    """Tell the host why this child can't be had."""
    os.write(status, wire.FAILED + str(error).encode("utf-8", "replace")[:500])


def _rules(*folders: str) -> list[tuple[str, str]]:
    return [(folder, landlock.EVERYTHING) for folder in folders]


def main() -> None:
    """Start runs until the owner is gone."""
    with open(int(sys.argv[1]), "rb") as file:
        given = marshal.load(file)
    lifeline: int = given["lifeline"]
    control = socket.socket(fileno=given["control"])
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    become_subreaper()
    for held in given["held"]:
        os.set_inheritable(held, False)  # the lifeline and the lock of the uid are ours alone
    control.set_inheritable(False)
    woken = _wake_up_at_ends()
    greeting = control.recv(_MESSAGE)
    if not greeting:
        return
    walls = json.loads(greeting)
    starter = Starter(given, walls)
    try:
        workspace = starter.prepare()
        hello = {"landlock": min(landlock.abi(), walls["landlock"])}
        wire.send_with_fds(control, json.dumps(hello).encode(), [workspace])
        os.close(workspace)
        _serve(starter, control, lifeline, woken)
    finally:
        starter.end()
        for group in given["cgroups"]:
            remove_group(group)


def _serve(starter: Starter, control: socket.socket, lifeline: int, woken: int) -> None:
    while True:
        ready, _, _ = select.select([control.fileno(), lifeline, woken], [], [])
        if lifeline in ready:
            return
        if woken in ready:
            os.read(woken, 4096)
            starter.notice_ends()
        if control.fileno() in ready:
            request, descriptors = wire.receive_with_fds(control, _MESSAGE, wire.MOST)
            if not request:
                return
            starter.start(json.loads(request), descriptors)
            for descriptor in descriptors:
                os.close(descriptor)


def _wake_up_at_ends() -> int:
    """A descriptor that can be read when a child has ended."""
    woken, wakes = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    return woken
