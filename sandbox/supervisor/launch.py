"""The keeper: a process per sandbox that starts the outer wall and ends everything after its owner.

It is forked by `keeper_server.py`. EOF on the lifeline pipe means that the owner is dead: the keeper ends the
sandbox, removes its cgroups and exits. The wall is built under a separate uid. Under root the needed folders
are bind-mounted privately for it, as the interpreter may be in a home folder of mode 700. A process's first
sandbox pays for what this imports: neither `typing` nor `contextlib` is there.
"""

from __future__ import annotations

import os
import select
import signal
import struct
import sys
import time

from sandbox.inner.process.descendants import become_subreaper, children_of, send
from sandbox.inner.walls.syscalls import (
    MS_BIND,
    MS_NODEV,
    MS_NOSUID,
    MS_PRIVATE,
    MS_REC,
    NEWNS,
    NEWUSER,
    libc,
    mount,
    unshare,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _MOVE_MOUNT_F_EMPTY_PATH, _MOUNT_ATTR_IDMAP = -100, 0x1000, 4, 0x00100000
_CLEANING_S = 5.0


def begin(job: dict[str, Any]) -> None:
    """Become the root of a sandbox's processes: adopt orphans, and leave the server's process session."""
    if os.getsid(0) != os.getpid():
        os.setsid()
    os.umask(0o022)
    become_subreaper()
    for descriptor in job["not_inherited"]:
        os.set_inheritable(descriptor, False)  # only this process keeps the lifeline and the lock of the uid


def main(job: dict[str, Any]) -> None:
    """Start a sandbox, and end it when its owner or its wall ends."""
    begin(job)
    wall = os.fork()
    if wall == 0:
        _build_wall(job)
    os.close(job["control"])
    select.select([job["lifeline"], os.pidfd_open(wall)], [], [])
    end_all()
    for group in job["cgroups"]:
        remove_group(group)


def delegate_controllers() -> None:
    """Move into a group below our scope, so that the groups of runs can be created beside that group.

    If the kernel refuses, the owner finds no group and creates none.
    """
    with open("/proc/self/cgroup") as file:
        group = [line.strip()[3:] for line in file if line.startswith("0::")]
    if not group or not group[0].endswith(".scope"):
        return
    scope = f"/sys/fs/cgroup{group[0]}"
    try:
        os.mkdir(f"{scope}/keeper")
        for name, text in (("keeper/cgroup.procs", "0"), ("cgroup.subtree_control", "+memory +pids")):
            with open(f"{scope}/{name}", "w") as file:
                file.write(text)
        with open(f"{scope}/cgroup.subtree_control", "w") as file:
            file.write("+cpu")
    except OSError as error:
        sys.stderr.write(f"no control groups in {scope}: {error}\n")


def end_all() -> None:
    """Kill the wall and everything in it.

    A bubblewrap that is killed during its start leaves a child that waits forever; this process adopts it.
    """
    while True:
        for child in children_of(os.getpid()):
            send(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _build_wall(job: dict[str, Any]) -> None:
    folders = job["folders"]
    if os.getuid() == 0:
        folders = bind_privately(folders)
        _map_owners([place for place, target in folders.items() if target in job["layered"]], job["uid"])
        step_down(job["uid"])
    words = [word for source, target in folders.items() for word in ("--ro-bind", source, target)]
    for target, content in job["files"].items():
        descriptor = os.memfd_create("file", 0)  # inherited by bubblewrap
        os.pwrite(descriptor, content, 0)
        words += ["--file", str(descriptor), target]
    os.execv(job["bwrap"], [job["name"], *job["before"], *words, *job["after"]])


def step_down(uid: int) -> None:
    """Switch to an ordinary uid. Raises OSError if the kernel refuses."""
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise OSError(
            error.errno, f"root can't become user {uid} here: start it as an ordinary user"
        ) from None


def bind_privately(folders: dict[str, str]) -> dict[str, str]:
    """Bind each folder to a path readable by any uid, in a private mount namespace."""
    unshare(NEWNS)
    mount("none", "/", None, MS_REC | MS_PRIVATE)
    sources = {target: os.open(source, os.O_PATH | os.O_CLOEXEC) for source, target in folders.items()}
    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    targets = {}
    for number, (target, descriptor) in enumerate(sources.items()):
        place = f"/tmp/{number}"
        os.mkdir(place, 0o755)
        mount(f"/proc/self/fd/{descriptor}", place, None, MS_BIND | MS_REC)
        targets[place] = target
    return targets


def _map_owners(places: list[str], uid: int) -> None:
    """Map each folder's owner to `uid`, which may then write to a layer over it (idmapped mounts).

    A folder is left unchanged if the kernel or file system can't map it, or our namespace lacks its owner.
    """
    namespaces: dict[tuple[int, int], int] = {}
    for place in places:
        status = os.stat(place)
        owner = (status.st_uid, status.st_gid)
        try:
            if owner not in namespaces:
                namespaces[owner] = _namespace_of(owner, uid)
        except OSError:
            continue
        tree = libc.syscall(_OPEN_TREE, _AT_FDCWD, place.encode(), 1 | os.O_CLOEXEC)
        attributes = struct.pack("4Q", _MOUNT_ATTR_IDMAP, 0, 0, namespaces[owner])
        if libc.syscall(_MOUNT_SETATTR, tree, b"", _AT_EMPTY_PATH, attributes, len(attributes)) == 0:
            libc.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, place.encode(), _MOVE_MOUNT_F_EMPTY_PATH)


def _namespace_of(owner: tuple[int, int], uid: int) -> int:
    """Open a new user namespace that maps `uid` to that owner."""
    ready, ready_end = os.pipe()
    holder = os.fork()
    if holder == 0:
        os.write(ready_end, b"%d" % libc.unshare(NEWUSER))
        time.sleep(_CLEANING_S)
        os._exit(0)
    try:
        os.read(ready, 8)
        for name, number in (("uid", owner[0]), ("gid", owner[1])):
            with open(f"/proc/{holder}/{name}_map", "w") as file:
                file.write(f"{number} {uid} 1")
        return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY)
    finally:
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)


def remove_group(folder: str) -> None:
    """Remove a cgroup and its children; retry while a process is dying. Raises OSError if that lasts."""
    deadline = time.monotonic() + _CLEANING_S
    while os.path.isdir(folder):
        try:
            for child in os.scandir(folder):
                if child.is_dir():
                    os.rmdir(child.path)
            os.rmdir(folder)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
