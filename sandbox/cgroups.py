"""Control groups, version 1 or 2, where this process may make them: memory and processes of a whole run."""

import os
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PATIENCE_S, _AGAIN_S = 2.0, 0.01


@dataclass(frozen=True, slots=True)
class Group:
    """The groups of one run: one folder in version 2, one for each controller in version 1."""

    version: int
    memory: Path
    pids: Path

    def limit(self, *, memory_bytes: int, processes: int) -> None:
        """Set both limits; swap counts as memory."""
        if self.version == 1:
            _write(self.memory / "memory.limit_in_bytes", memory_bytes)
            with suppress(FileNotFoundError):  # only where the kernel accounts swap
                _write(self.memory / "memory.memsw.limit_in_bytes", memory_bytes)
        else:
            _write(self.memory / "memory.max", memory_bytes)
            with suppress(FileNotFoundError):
                _write(self.memory / "memory.swap.max", 0)
            _write(self.memory / "memory.oom.group", 1)
        _write(self.pids / "pids.max", processes)

    def open(self) -> list[int]:
        """Descriptors by which a process moves itself in, when it writes a 0 to each.

        Moved by another process it would wait, with that process, for a grace period of the kernel (10 ms);
        a single thread that moves itself doesn't in version 1.
        """
        name = "tasks" if self.version == 1 else "cgroup.procs"
        return [os.open(folder / name, os.O_WRONLY | os.O_CLOEXEC) for folder in {self.memory, self.pids}]

    def holds(self, *pids: int) -> bool:
        """Whether processes are in."""
        return all(
            {str(pid) for pid in pids} <= set((folder / "cgroup.procs").read_text().split())
            for folder in {self.memory, self.pids}
        )

    def kills(self) -> int:
        """How often the kernel killed a process of this group because the memory was used up."""
        name = "memory.oom_control" if self.version == 1 else "memory.events"
        # The keeper of a sandbox that is being closed removes the group: ENOENT, or ENODEV once it is open.
        with suppress(OSError):
            for line in (self.memory / name).read_text().splitlines():
                key, value = line.split()
                if key == "oom_kill":
                    return int(value)
        return 0

    def remove(self) -> None:
        """Remove the folders; every process in them is dead."""
        for folder in {self.memory, self.pids}:
            with suppress(FileNotFoundError):
                folder.rmdir()


@dataclass(frozen=True, slots=True)
class Groups:
    """The folder of one sandbox, in which each run gets a group."""

    version: int
    memory: Path
    pids: Path

    @property
    def folders(self) -> list[str]:
        """What the keeper removes at the end."""
        return sorted({str(self.memory), str(self.pids)})

    def make(self, name: str) -> Group:
        """A group for one run."""
        group = Group(self.version, self.memory / name, self.pids / name)
        for folder in {group.memory, group.pids}:
            folder.mkdir()
        return group

    def remove(self) -> None:
        """Remove what is left of the folders; waits two seconds at most for the last process to go."""
        deadline = time.monotonic() + _PATIENCE_S
        while left := [folder for folder in {self.memory, self.pids} if folder.is_dir()]:
            for folder in left:
                for place in (*folder.glob("*/"), folder):
                    with suppress(OSError):
                        place.rmdir()
            if time.monotonic() > deadline:
                return
            time.sleep(_AGAIN_S)


def make_groups() -> Groups | None:
    """A folder for the groups of one sandbox, or None where none can be made: found out by making one."""
    name = f"coder-{os.getpid()}-{uuid.uuid4().hex[:12]}"
    for version, memory, pids in _places():
        groups = Groups(version, memory / name, pids / name)
        try:
            for folder in {groups.memory, groups.pids}:
                folder.mkdir()
            if version == 2:
                _write(groups.memory / "cgroup.subtree_control", "+memory +pids")
            probe = groups.make("probe")
            probe.limit(memory_bytes=64 << 20, processes=8)
            probe.remove()
        except OSError:
            _remove_quietly(groups)
            continue
        return groups
    return None


def _places() -> list[tuple[int, Path, Path]]:
    """Where a group could be made, by version: below our own group, or in version 2 below the root."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    own = {line.split(":", 2)[1]: line.split(":", 2)[2].lstrip("/") for line in lines}
    places = []
    if "memory" in own and "pids" in own:
        places.append((1, _ROOT / "memory" / own["memory"], _ROOT / "pids" / own["pids"]))
    if "" in own:
        # A group with processes may not hand controllers down, so the parent of ours is tried, then the root.
        for folder in (_ROOT / own[""], (_ROOT / own[""]).parent, _ROOT):
            if folder.is_relative_to(_ROOT) and (folder / "cgroup.controllers").exists():
                places.append((2, folder, folder))
    return places


def _remove_quietly(groups: Groups) -> None:
    """Take back what a failed attempt has made; a folder that can't be removed was never ours."""
    for folder in {groups.memory, groups.pids}:
        with suppress(OSError):
            (folder / "probe").rmdir()
        with suppress(OSError):
            folder.rmdir()


def _write(path: Path, value: object) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(str(value))
