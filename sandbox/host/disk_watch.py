"""Sample a run's disk use where no file system bounds it, and end the run beyond its limits."""

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

_EVERY_S = 0.05
_SHARE = 10
"""Shortest pause between looks, as a multiple of the last look's duration."""
_BLOCK = 512
_MAX_INACCESSIBLE_CHECKS = 20
"""Consecutive looks in which a folder may be inaccessible."""
Look = Literal["within", "closed", "beyond"]


@dataclass(frozen=True, slots=True)
class DiskBounds:
    """Bounds on the disk use of a sandbox's runs."""

    disk_bytes: int
    files: int
    folder: str | None = None
    """Folder on the host; everything in it counts, whichever run wrote it."""
    mounts: tuple[str, ...] = ()
    """Size-bounded file systems of a run; their files are counted here."""

    def look(self, pid: int) -> Look:
        """Compare the folder, and the mounts of a process, with the bounds."""
        if any(_files_in(f"/proc/{pid}/root{mount}") > self.files for mount in self.mounts):
            return "beyond"
        return "within" if self.folder is None else self._look_into(self.folder, 0)

    def have_room(self, size: int) -> bool:
        """Whether the folder can hold `size` more bytes."""
        return self.folder is None or self._look_into(self.folder, size) != "beyond"

    def _look_into(self, folder: str, held: int) -> Look:
        number = 0
        result: Look = "within"
        if held > self.disk_bytes:
            return "beyond"
        waiting = [folder]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        number += 1
                        held += entry.stat(follow_symlinks=False).st_blocks * _BLOCK
                        if held > self.disk_bytes or number > self.files:
                            return "beyond"
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(entry.path)
            except FileNotFoundError:
                continue  # removed meanwhile
            except OSError:  # no permission, or deeper than a path reaches
                result = "closed"
        return result


class DiskWatch:
    """Samples a run's disk use; calls `end` once if the run exceeds its bounds."""

    def __init__(self, bounds: DiskBounds, pid: int, end: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._bounds, self._pid, self._end = bounds, pid, end
        self._closed = 0
        self._timer = self._loop.call_later(_EVERY_S, self._look)

    def close(self) -> None:
        """Stop sampling."""
        self._timer.cancel()

    def _look(self) -> None:
        began = time.monotonic()
        look = self._bounds.look(self._pid)
        self._closed = self._closed + 1 if look == "closed" else 0
        if look == "beyond" or self._closed > _MAX_INACCESSIBLE_CHECKS:
            self._end()
            return
        cost = time.monotonic() - began
        self._timer = self._loop.call_later(max(_EVERY_S, _SHARE * cost), self._look)


def _files_in(mount: str) -> int:
    try:
        usage = os.statvfs(mount)
    except OSError:
        return 0  # the run ended meanwhile
    return usage.f_files - usage.f_ffree
