"""Control groups, version 1 or 2, that limit memory and processes of a whole run."""

import itertools
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.supervisor.cgroup_places import CgroupFolders, find_places
from sandbox.supervisor.owner import this_process

_FIRST = "run-0"
_TIMEOUT_S, _RETRY_S = 2.0, 0.01
_MAX_BYTES = 1 << 16
_PERIOD_US, _MIN_QUOTA_US = 100_000, 1000
"""Period and minimum quota of CPU time, in microseconds."""
_MAX_SPARE = 64
"""Maximum groups kept for reuse: creating one costs as much as the rest of starting a run."""
_REMAINDER = 128
"""A group is reused if at most 1/128 of its memory limit is still charged."""


@dataclass(slots=True)
class Group:
    """The control groups of one run."""

    place: CgroupFolders
    limits: tuple[int, int, bool] | None = None
    """Memory in bytes, number of processes, and whether all are killed together."""
    killed_before: int = 0

    def limit(self, *, memory_bytes: int, processes: int, together: bool = True) -> None:
        """Set both limits; swap counts as memory. `together`: all processes are killed if memory runs out."""
        if self.limits == (memory_bytes, processes, together):
            return
        if self.place.version == 1:
            _write(f"{self.place.memory}/memory.limit_in_bytes", memory_bytes)
            with suppress(FileNotFoundError):  # the kernel doesn't account for swap
                _write(f"{self.place.memory}/memory.memsw.limit_in_bytes", memory_bytes)
        else:
            _write(f"{self.place.memory}/memory.max", memory_bytes)
            with suppress(FileNotFoundError):
                _write(f"{self.place.memory}/memory.swap.max", 0)
            _write(f"{self.place.memory}/memory.oom.group", int(together))
        _write(f"{self.place.pids}/pids.max", processes)
        self.limits = memory_bytes, processes, together

    def limit_cpu(self, processors: float) -> None:
        """Set a quota of CPU time."""
        quota = max(int(processors * _PERIOD_US), _MIN_QUOTA_US)
        if self.place.version == 1:
            _write(f"{self.place.cpu}/cpu.cfs_period_us", _PERIOD_US)
            _write(f"{self.place.cpu}/cpu.cfs_quota_us", quota)
        else:
            _write(f"{self.place.cpu}/cpu.max", f"{quota} {_PERIOD_US}")

    def open(self) -> list[int]:
        """Open the files to join by: a process writes 0 to each.

        Moving another process instead waits for a grace period of the kernel (10 ms). Raises OSError.
        """
        name = "tasks" if self.place.version == 1 else "cgroup.procs"
        opened: list[int] = []
        try:
            for folder in self.place.folders:
                opened.append(os.open(f"{folder}/{name}", os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            for descriptor in opened:
                os.close(descriptor)
            raise
        return opened

    def contains_only(self, *pids: int) -> bool:
        """Return whether it contains exactly these processes."""
        return all(
            {int(pid) for pid in read_kernel_file(f"{folder}/cgroup.procs").split()} == set(pids)
            for folder in self.place.folders
        )

    def count_kills(self) -> int:
        """Count this run's processes that were killed for lack of memory."""
        return self._count_all_kills() - self.killed_before

    def can_reuse(self) -> bool:
        """Return whether another run can use it: no process, and little memory charged, files included."""
        if self.limits is None:
            return False
        name = "memory.usage_in_bytes" if self.place.version == 1 else "memory.current"
        try:
            charged_bytes = int(read_kernel_file(f"{self.place.memory}/{name}"))
            if not self.contains_only():
                return False
        except OSError:  # the keeper removed it
            return False
        self.killed_before = self._count_all_kills()
        return charged_bytes <= self.limits[0] // _REMAINDER

    def remove(self) -> None:
        """Remove the folders; their processes must be dead."""
        for folder in self.place.folders:
            with suppress(FileNotFoundError):
                os.rmdir(folder)

    def _count_all_kills(self) -> int:
        name = "memory.oom_control" if self.place.version == 1 else "memory.events"
        # When a sandbox closes its keeper removes the group: ENOENT, or ENODEV once it is open.
        with suppress(OSError):
            for line in read_kernel_file(f"{self.place.memory}/{name}").splitlines():
                key, value = line.split()
                if key == "oom_kill":
                    return int(value)
        return 0


@dataclass(slots=True)
class Groups:
    """The folder of one sandbox, with a group per run.

    It is planned first and created later: the keeper, which starts in between, is told what to remove.
    """

    planned: list[CgroupFolders]
    """Possible places, best first."""
    processors: float | None = None
    """CPU limit of each run, if the controller is available."""
    place: CgroupFolders | None = None
    """Where the folder was created."""
    _spare: list[Group] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def version(self) -> int:
        """Version of the kernel's control groups."""
        assert self.place is not None
        return self.place.version

    @property
    def folders(self) -> list[str]:
        """Folders that the keeper removes at the end."""
        return sorted({folder for place in self.planned for folder in place.folders})

    @property
    def is_likely(self) -> bool:
        """Return whether this process may write to one of the places."""
        parents = ([os.path.dirname(folder) for folder in place.folders] for place in self.planned)
        return any(all(os.access(folder, os.W_OK) for folder in path) for path in parents)

    def add_places(self, places: list[CgroupFolders]) -> None:
        """Add places to try, which the kernel removes with the keeper's scope."""
        name = os.path.basename(self.folders[0]) if self.planned else f"coder-{uuid.uuid4().hex[:8]}"
        self.planned += [place.below(name) for place in places]

    def make(self) -> bool:
        """Create the folder at the first place that allows it; return whether one does."""
        return any(self._make_at(place) for place in self.planned)

    def _make_at(self, place: CgroupFolders) -> bool:
        self.place = place
        try:
            for folder in place.folders:
                os.mkdir(folder)
            if place.version == 2:
                controllers = "+memory +pids +cpu" if place.cpu else "+memory +pids"
                _write(f"{place.memory}/cgroup.subtree_control", controllers)
            self.take(memory_bytes=64 << 20, processes=8).remove()
        except OSError:
            for folder in place.folders:  # the others aren't ours
                for exists in (f"{folder}/{_FIRST}", folder):
                    with suppress(OSError):
                        os.rmdir(exists)
            self.place, self._numbers = None, itertools.count()
            return False
        return True

    def take(
        self, *, memory_bytes: int, processes: int, together: bool = True, limited: bool = True
    ) -> Group:
        """Take a spare group or create one for a run; `limited` is False only in tests."""
        for group in self._spare if limited else ():
            if group.limits == (memory_bytes, processes, together):
                self._spare.remove(group)
                return group
        assert self.place is not None
        group = Group(self.place.below(f"run-{next(self._numbers)}"))
        for folder in group.place.folders:
            os.mkdir(folder)
        if limited:
            group.limit(memory_bytes=memory_bytes, processes=processes, together=together)
        if self.processors is not None and group.place.cpu:
            group.limit_cpu(self.processors)
        return group

    def give_back(self, group: Group) -> None:
        """Keep a group of dead processes for reuse, or remove it. Raises OSError while it is busy."""
        if len(self._spare) < _MAX_SPARE and group.can_reuse():
            self._spare.append(group)
        else:
            group.remove()

    def remove(self) -> None:
        """Remove the remaining folders; wait up to two seconds for the last process."""
        self._spare.clear()
        deadline = time.monotonic() + _TIMEOUT_S
        while remaining := [Path(folder) for folder in self.folders if os.path.isdir(folder)]:
            for folder in remaining:
                for place in (*folder.glob("*/"), folder):
                    with suppress(OSError):
                        place.rmdir()
            if time.monotonic() > deadline:
                return
            time.sleep(_RETRY_S)


def plan_groups(processors: float | None = None) -> Groups:
    """Plan the groups of one sandbox; `processors` limits each run."""
    name = f"coder-{this_process().mark}-{uuid.uuid4().hex[:8]}"
    places = find_places(cpu=processors is not None)
    return Groups([place.below(name) for place in places], processors)


def _write(path: str, value: object) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, str(value).encode())
    finally:
        os.close(descriptor)


def read_kernel_file(path: str) -> str:
    """Read a small file of the kernel; `open` takes four times as long."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _MAX_BYTES).decode("ascii", "replace")
    finally:
        os.close(descriptor)
