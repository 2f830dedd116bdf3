"""Remove leftovers of sandboxes whose owner and keeper were both killed.

Everything that can be left over has its owner's mark (`sandbox/supervisor/owner.py`). An owner that isn't
visible from here, such as one in another container, counts as alive.
"""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import BackendMissing, SandboxError
from sandbox.files.workspace import Workspace
from sandbox.supervisor.outer_wall import NAME
from sandbox.supervisor.owner import parse_owner
from sandbox.supervisor.slots import remove_unused_locks
from sandbox.supervisor.starting import PREFIX

_CGROUPS = Path("/sys/fs/cgroup")
_PATIENCE_S = 2.0
"""Longest wait, in seconds, for the processes of a cgroup to end."""
_AGAIN_S = 0.01
_KEEPER = "sandbox.supervisor.keeper_server"
"""Part of the command line of a keeper and of its server, whose last argument is their owner's mark."""


@dataclass(frozen=True, slots=True)
class Reaped:
    """The result of `reap`."""

    removed: list[str]
    not_seen: str | None
    """Reason why the Docker engine was not searched; None if it was."""


async def reap() -> Reaped:
    """Remove all leftovers of this machine and of its Docker engine.

    Raises:
        SandboxBroken: there is an engine, and it refused.
    """
    removed = await asyncio.to_thread(reap_leftovers)
    try:
        from sandbox.docker.labels import reap_engine

        on_engine = await reap_engine()
    except BackendMissing as error:
        return Reaped(removed, not_seen=str(error))
    return Reaped([*removed, *on_engine], not_seen=None)


def reap_leftovers() -> list[str]:
    """Remove leftover processes, cgroups and folders, and unused lock files; name all but the latter."""
    removed = [*_processes(), *_groups(), *_folders()]
    remove_unused_locks()
    return removed


def _processes() -> Iterator[str]:
    """Kill abandoned keepers and bubblewrap processes; yield a description of each."""
    for pid in [int(name) for name in os.listdir("/proc") if name.isdigit()]:
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            continue  # it ended meanwhile
        try:
            kind = _abandoned(pid)
            if kind:
                signal.pidfd_send_signal(descriptor, signal.SIGKILL)
                yield f"process {pid} ({kind})"
        except (ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or is another user's
        finally:
            os.close(descriptor)


def _abandoned(pid: int) -> str:
    """Return the kind of a process of a dead owner; empty for all other processes."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")[:-1]
    except (FileNotFoundError, ProcessLookupError):
        return ""
    if words and words[0].startswith(NAME):
        return "bubblewrap" if _is_dead(words[0]) else ""
    is_keeper = len(words) > 4 and _KEEPER in words[4]
    return "keeper" if is_keeper and _is_dead(words[-1]) else ""


def _groups() -> Iterator[str]:
    for folder, names, _ in os.walk(_CGROUPS):
        for name in [name for name in names if name.startswith(PREFIX)]:
            names.remove(name)
            if _is_dead(name) and _is_removed(Path(folder, name)):
                yield f"cgroup {folder}/{name}"


def _is_removed(group: Path) -> bool:
    """Kill the processes of a cgroup and remove it; return whether that succeeded."""
    deadline = time.monotonic() + _PATIENCE_S
    while group.is_dir():
        for place in (*group.glob("*/"), group):
            with suppress(OSError):
                for pid in (place / "cgroup.procs").read_text().split():
                    os.kill(int(pid), signal.SIGKILL)
            with suppress(OSError):
                place.rmdir()
        if time.monotonic() > deadline:
            return False
        time.sleep(_AGAIN_S)
    return True


def _folders() -> Iterator[str]:
    for place in sorted({tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"}):
        with suppress(OSError), os.scandir(place) as entries:
            for entry in list(entries):
                if entry.name.startswith(PREFIX) and _is_dead(entry.name) and _removed(entry.path):
                    yield f"folder {entry.path}"


def _removed(folder: str) -> bool:
    """Remove a folder and everything in it; return whether that succeeded."""
    try:
        root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        workspace = Workspace(root, os.geteuid())
        try:
            workspace.remove(".")
        finally:
            workspace.close()
        os.rmdir(folder)
    except (OSError, SandboxError):
        return False  # another user's, who can remove it
    return True


def _is_dead(text: str) -> bool:
    owner = parse_owner(text)
    return owner is not None and owner.is_dead
