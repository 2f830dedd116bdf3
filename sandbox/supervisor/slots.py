"""Reserve a uid per sandbox, so that sandboxes share no limits and can't signal each other."""

import fcntl
import glob
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

FOLDER = "/run/coder-sandbox"
SLOTS = 1024
FIRST_HIGH_UID, FIRST_LOW_UID = 1_640_000_000, 64_000
"""First uids of two unused ranges; the low one is for containers that map only 65,536 uids."""


@dataclass(slots=True)
class Slot:
    """A uid other than 0, and the open descriptors that reserve it; a context manager that releases them."""

    uid: int
    locks: tuple[int, ...]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Close the descriptors that weren't handed over. Idempotent."""
        for lock in self.hand_over():
            os.close(lock)

    def hand_over(self) -> tuple[int, ...]:
        """Return the descriptors, which the caller closes from now on."""
        locks, self.locks = self.locks, ()
        return locks


def take_slot() -> Slot:
    """Reserve an unused uid, or without root our own. Raises OSError if none is free or lockable."""
    if os.geteuid() != 0:
        return Slot(os.geteuid(), ())
    os.makedirs(FOLDER, mode=0o700, exist_ok=True)
    base = FIRST_HIGH_UID if _is_mapped(FIRST_HIGH_UID) else FIRST_LOW_UID
    # Another container has locks of its own, but the kernel counts processes of a uid in both together.
    first = int.from_bytes(os.urandom(2), "big")
    for number in ((first + step) % SLOTS for step in range(SLOTS)):
        lock = _lock_file(f"{FOLDER}/{number}", os.O_CREAT)
        if lock is not None:
            return Slot(base + number, (lock,))
    raise OSError(f"all {SLOTS} uids for sandboxes are in use (locks in {FOLDER})")


def remove_unused_locks() -> None:
    """Remove unused lock files, which exist only under root."""
    for path in glob.glob(f"{FOLDER}/*") if os.geteuid() == 0 else ():
        lock = _lock_file(path, 0)
        if lock is not None:
            os.unlink(path)
            os.close(lock)


def _lock_file(path: str, flags: int) -> int | None:
    """Lock a file and return its descriptor; None if another process locks or removes it."""
    try:
        lock = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | flags, 0o600)
    except FileNotFoundError:
        return None
    with suppress(BlockingIOError, FileNotFoundError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), os.stat(path)):
            return lock
    os.close(lock)
    return None


def _is_mapped(uid: int) -> bool:
    with open("/proc/self/uid_map", encoding="ascii") as lines:
        ranges = [[int(word) for word in line.split()] for line in lines]
    return any(first <= uid and uid + SLOTS <= first + length for first, _, length in ranges)
