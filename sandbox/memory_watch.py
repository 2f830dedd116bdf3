"""How much memory a run holds, looked up in /proc where no cgroup counts it."""

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")


def holds_more(root: int, limit: int) -> bool:
    """True when a process and its descendants hold more than `limit` bytes, shared pages counted once."""
    tree = _tree(root)
    if sum(_resident(pid) for pid in tree) <= limit:
        return False  # this counts shared pages often, so the dear exact count isn't needed
    return sum(_proportional(pid) for pid in tree) > limit


def _tree(root: int) -> list[int]:
    found, new = [], [root]
    while new:
        pid = new.pop()
        found.append(pid)
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children") as file:
                    new += map(int, file.read().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended meanwhile
    return found


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * _PAGE
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    except (FileNotFoundError, ProcessLookupError, PermissionError, StopIteration):
        return _resident(pid)
