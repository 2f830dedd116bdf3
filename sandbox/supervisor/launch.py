"""The keeper: a process per sandbox that starts the outer wall and ends everything with its owner.

Run as `python -I -S launch.py SPECIFICATION` (marshalled, in hex: json takes longer to import) with the read
end of a lifeline pipe. At EOF the owner is dead: the keeper ends the sandbox, removes its cgroups and exits.
The wall is built by a uid of its own; as root from a private view of the needed folders, so that an
interpreter below a home of mode 700 can be reached.
"""

import ctypes
import marshal
import os
import select
import struct
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NEWNS, NEWUSER = 0x00020000, 0x10000000
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
AT_FDCWD, AT_EMPTY_PATH, MOVE_MOUNT_F_EMPTY_PATH, MOUNT_ATTR_IDMAP = -100, 0x1000, 4, 0x00100000
SIGKILL = 9  # signal imports enum, and all that it needs
MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 0x1000, 0x4000, 0x40000
PR_SET_CHILD_SUBREAPER = 36
CLEANING_S = 5.0
SCOPED = "scoped"
"""Last word of our command line where systemd has put us into a scope."""


def main() -> None:
    """Keep one sandbox until its owner or the sandbox ends."""
    specification = marshal.loads(bytes.fromhex(sys.argv[1]))
    lifeline: int = specification["lifeline"]
    os.setsid()
    os.chdir("/")
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for held in specification["held"]:
        os.set_inheritable(held, False)  # the lifeline and the lock of the uid are ours alone
    if sys.argv[-1] == SCOPED:
        _hand_controllers_down()
    wall = os.fork()
    if wall == 0:
        _build(specification)
    for descriptor in specification["descriptors"]:
        os.close(descriptor)
    watched = [lifeline, os.pidfd_open(wall)]
    select.select(watched, [], [])
    end_all()
    for group in specification["cgroups"]:
        remove_group(group)


def _hand_controllers_down() -> None:
    """Move into a group below our scope, so that groups of runs can be made beside it.

    Where the kernel refuses, the owner finds no group and makes none.
    """
    with open("/proc/self/cgroup") as file:
        own = [line.strip()[3:] for line in file if line.startswith("0::")]
    if not own or not own[0].endswith(".scope"):
        return
    scope = f"/sys/fs/cgroup{own[0]}"
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
    """Kill the wall and all that remains of it.

    Its inside dies with it. But a bubblewrap that is killed while it starts leaves a child that waits
    forever; we adopt it as a subreaper.
    """
    while True:
        for child in _children():
            try:
                os.kill(child, SIGKILL)
            except ProcessLookupError:
                continue  # ended meanwhile
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> "list[int]":
    """Our children; found by parents where the kernel keeps no list."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return [child for child in _processes() if _parent(child) == os.getpid()]


def _processes() -> "list[int]":
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0  # ended meanwhile


def _build(specification: "dict[str, Any]") -> None:
    """Become bubblewrap."""
    uid = specification["uid"]
    if os.getuid() == 0:
        folders = bind_privately(specification["folders"])
        _hand_over([place for place, target in folders.items() if target in specification["owned"]], uid)
        _step_down(uid)
    else:
        folders = specification["folders"]
    os.umask(0o022)
    command = [specification["name"], *specification["before"]]
    for source, target in folders.items():
        command += ["--ro-bind", source, target]
    command += specification["after"]
    os.execv(specification["bwrap"], command)


def _step_down(uid: int) -> None:
    """Be an ordinary user."""
    try:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    except OSError as error:
        raise OSError(
            error.errno, f"root can't become user {uid} here: start it as an ordinary user"
        ) from None


def bind_privately(folders: "dict[str, str]") -> "dict[str, str]":
    """Show each folder at a path that anyone can reach, in a mount namespace of our own."""
    libc = ctypes.CDLL(None, use_errno=True)

    def mount(source: "bytes | None", target: bytes, kind: "bytes | None", flags: int) -> None:
        if libc.mount(source, target, kind, ctypes.c_ulong(flags), b"mode=755" if kind else None) != 0:
            raise OSError(ctypes.get_errno(), f"mount on {target!r}: {os.strerror(ctypes.get_errno())}")

    if libc.unshare(NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare of the mount namespace")
    mount(None, b"/", None, MS_REC | MS_PRIVATE)
    sources = {target: os.open(source, os.O_PATH | os.O_CLOEXEC) for source, target in folders.items()}
    mount(b"tmpfs", b"/tmp", b"tmpfs", MS_NOSUID | MS_NODEV)
    shown = {}
    for number, (target, descriptor) in enumerate(sources.items()):
        place = f"/tmp/{number}"
        os.mkdir(place, 0o755)
        mount(b"/proc/self/fd/%d" % descriptor, place.encode(), None, MS_BIND | MS_REC)
        shown[place] = target
    return shown


def _hand_over(places: "list[str]", uid: int) -> None:
    """Map the owner of each folder to a uid that may write to a layer over it (idmapped mounts).

    Where this kernel or file system can't, or the owner is unknown here, nothing changes.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    namespaces: dict[tuple[int, int], int] = {}
    for place in places:
        found = os.stat(place)
        owner = (found.st_uid, found.st_gid)
        try:
            if owner not in namespaces:
                namespaces[owner] = _namespace_of(owner, uid)
        except OSError:
            continue
        tree = libc.syscall(_OPEN_TREE, AT_FDCWD, place.encode(), 1 | os.O_CLOEXEC)
        attributes = struct.pack("4Q", MOUNT_ATTR_IDMAP, 0, 0, namespaces[owner])
        if libc.syscall(_MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attributes, len(attributes)) == 0:
            libc.syscall(_MOVE_MOUNT, tree, b"", AT_FDCWD, place.encode(), MOVE_MOUNT_F_EMPTY_PATH)


def _namespace_of(owner: "tuple[int, int]", uid: int) -> int:
    """A user namespace that maps `uid` to that owner."""
    ready, go = os.pipe()
    holder = os.fork()
    if holder == 0:
        os.write(go, b"%d" % ctypes.CDLL(None).unshare(NEWUSER))
        time.sleep(CLEANING_S)
        os._exit(0)
    try:
        os.read(ready, 8)
        for name, number in (("uid", owner[0]), ("gid", owner[1])):
            with open(f"/proc/{holder}/{name}_map", "w") as file:
                file.write(f"{number} {uid} 1")
        return os.open(f"/proc/{holder}/ns/user", os.O_RDONLY)
    finally:
        os.kill(holder, SIGKILL)
        os.waitpid(holder, 0)


def remove_group(folder: str) -> None:
    """Remove a cgroup and those in it, again while the kernel refuses for a dying process."""
    deadline = time.monotonic() + CLEANING_S
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


if __name__ == "__main__":
    main()
