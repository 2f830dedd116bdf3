"""Read a run's memory from /proc where no cgroup counts it.

Socket queues are kernel memory, in no process's figure: they can hold gigabytes.
"""

import os

from sandbox.inner.process.descendants import below, resident_pages, threads_of

_PAGE = os.sysconf("SC_PAGE_SIZE")
_UNIX_SOCKET = 2 * 212_992
"""Maximum bytes of a unix socket, twice the usual net.core.wmem_max; its actual bytes are unknown."""
_TABLES = {"tcp": "TCP", "tcp6": "TCPv6", "udp": "UDP", "udp6": "UDPv6"}
"""Tables to read only if the run has such sockets: each read walks all sockets of the machine (1 ms)."""


def holds_more(root: int, limit: int, *, sockets: bool = True) -> bool:
    """Whether a process and its descendants exceed `limit` bytes, counting shared pages once."""
    limit -= _in_sockets(root) if sockets else 0
    if limit < 0:
        return True  # before the expensive look at each process
    tree = [root, *below(root)]
    if sum(map(resident_pages, tree)) * _PAGE <= limit:
        return False  # shared pages are counted repeatedly, so the exact count isn't needed
    return sum(_proportional(pid) for pid in tree) > limit


def count_processes(root: int) -> int:
    """Count a process and its descendants."""
    return 1 + len(below(root))


def count_threads(root: int) -> int:
    """Count the threads of a process and its descendants; the kernel's process limit includes them."""
    return sum(map(threads_of, [root, *below(root)]))


def _in_sockets(root: int) -> int:
    """Return the bytes in the queues of a run's sockets; the maximum for unix sockets."""
    used = {words[0]: int(words[2]) for line in _lines(root, "protocols")[1:] if (words := line.split())}
    size = _UNIX_SOCKET * (used.get("UNIX", 0) + used.get("UNIX-STREAM", 0))
    for table, protocol in _TABLES.items():
        for line in _lines(root, table)[1:] if used.get(protocol) else ():
            sending, receiving = line.split()[4].split(":")
            size += int(sending, 16) + int(receiving, 16)
    return size


def _lines(root: int, table: str) -> list[str]:
    """Return the lines of a table of a process's network namespace."""
    try:
        with open(f"/proc/{root}/net/{table}") as file:
            return file.read().splitlines()
    except OSError:  # it ended meanwhile, or the kernel lacks this table
        return []


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    except (FileNotFoundError, ProcessLookupError, PermissionError, StopIteration):
        return resident_pages(pid) * _PAGE
