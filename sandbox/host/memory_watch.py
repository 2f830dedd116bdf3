"""How much memory a run holds, looked up in /proc where no cgroup counts it.

What waits in sockets is the kernel's memory, and in no process's count: 128 processes can hold gigabytes so.
"""

import os

_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNIX_SOCKET = 2 * 212_992
"""Bytes that one unix socket may hold, twice the usual net.core.wmem_max; what it does, nothing says."""
_TABLES = {"tcp": "TCP", "tcp6": "TCPv6", "udp": "UDP", "udp6": "UDPv6"}
"""Each walks all sockets of the machine, which takes a millisecond: read where the run has such sockets."""


def holds_more(root: int, limit: int, *, sockets: bool = True) -> bool:
    """True when a process and its descendants hold more than `limit` bytes, shared pages counted once.

    With `sockets` what waits in those of its network namespace counts too: it has one of its own then.
    """
    limit -= _in_sockets(root) if sockets else 0
    if limit < 0:
        return True  # before the dear look at each process, while the queues grow
    tree = _tree(root)
    if sum(_resident(pid) for pid in tree) <= limit:
        return False  # this counts shared pages often, so the dear exact count isn't needed
    return sum(_proportional(pid) for pid in tree) > limit


def count_processes(root: int) -> int:
    """How many a process and its descendants are."""
    return len(_tree(root))


def count_threads(root: int) -> int:
    """How many threads a process and its descendants have: what the kernel's limit on processes counts."""
    return sum(map(_threads, _tree(root)))


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


def _threads(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except (FileNotFoundError, ProcessLookupError):
        return 0


def _in_sockets(root: int) -> int:
    """Bytes in the queues of a run's sockets: those of unix sockets at their most, the others as they are."""
    used = {words[0]: int(words[2]) for line in _lines(root, "protocols")[1:] if (words := line.split())}
    held = _UNIX_SOCKET * (used.get("UNIX", 0) + used.get("UNIX-STREAM", 0))
    for table, protocol in _TABLES.items():
        for line in _lines(root, table)[1:] if used.get(protocol) else ():
            sending, receiving = line.split()[4].split(":")
            held += int(sending, 16) + int(receiving, 16)
    return held


def _lines(root: int, table: str) -> list[str]:
    """A table of the network namespace that a process is in."""
    try:
        with open(f"/proc/{root}/net/{table}") as file:
            return file.read().splitlines()
    except OSError:  # it ended meanwhile, or the kernel has no such table
        return []


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
