"""Write the seccomp filters of the sandbox: tools/syscalls_allowed.txt → sandbox/inner/walls/seccomp-*.bpf.

Usage: python tools/make_seccomp.py [FOLDER]. Needs libseccomp.so.2, which only looks up the numbers of the
calls, so that one machine writes the filters of both architectures. The filter itself is plain: wrong
architecture → kill; allowed number → allow, some after a look at an argument; the rest → ENOSYS.
"""

import ctypes
import struct
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
AUDIT_ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
NEEDS_A_CGROUP = (
    "memfd_create",
    "shmget",
    "shmat",
    "shmdt",
    "shmctl",
    "msgget",
    "msgsnd",
    "msgrcv",
    "msgctl",
)
"""Memory that belongs to no process: allowed only where a cgroup counts it."""
NEEDS_NAMESPACES = (
    *("accept", "accept4", "bind", "connect", "listen"),
    *("mq_getsetattr", "mq_notify", "mq_open", "mq_timedreceive", "mq_timedsend", "mq_unlink"),
    *("semctl", "semget", "semop", "semtimedop", "ioprio_set"),
    *("inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch"),
)
"""What meets the rest of the machine where a run has no namespaces of its own: left out there."""
OWN_ONLY = ("prlimit64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler")
"""Calls that change another process where their first argument isn't 0."""
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
NAMESPACES = 0x7E020000  # every CLONE_NEW* that fits clone(2)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
ENOSYS, EPERM, EAFNOSUPPORT = 38, 1, 97

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_SET, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
NUMBER, ARCH, ARGUMENT_0, ARGUMENT_1 = 0, 4, 16, 24  # offsets of the low words in struct seccomp_data

Instruction = tuple[int, int, int, int]


def numbers(names: list[str], architecture: str) -> dict[str, int]:
    """Number of each call on an architecture; calls that it lacks are left out."""
    library = ctypes.CDLL("libseccomp.so.2")
    token = ctypes.c_uint32(AUDIT_ARCH[architecture])
    number_by_name = {name: library.seccomp_syscall_resolve_name_arch(token, name.encode()) for name in names}
    return {name: number for name, number in number_by_name.items() if number >= 0}


def returns(value: int) -> Instruction:
    """Instruction that ends the filter."""
    return (RETURN, 0, 0, value)


def checks_without_namespaces() -> dict[str, list[Instruction]]:
    """As `checks`: no socket but a pair, and no say over another process."""
    own = [(LOAD, 0, 0, ARGUMENT_0), (JUMP_EQUAL, 1, 0, 0), returns(ERRNO | EPERM), returns(ALLOW)]
    return {
        **checks(),
        "socket": [returns(ERRNO | EAFNOSUPPORT)],
        "socketpair": [
            (LOAD, 0, 0, ARGUMENT_0),
            (JUMP_EQUAL, 1, 0, FAMILIES[0]),
            returns(ERRNO | EAFNOSUPPORT),
            returns(ALLOW),
        ],
        "setpriority": [
            (LOAD, 0, 0, ARGUMENT_0),
            (JUMP_EQUAL, 0, 2, 0),
            (LOAD, 0, 0, ARGUMENT_1),
            (JUMP_EQUAL, 1, 0, 0),
            returns(ERRNO | EPERM),
            returns(ALLOW),
        ],
        **dict.fromkeys(OWN_ONLY, own),
    }


def checks() -> dict[str, list[Instruction]]:
    """Instructions for the calls whose arguments decide."""
    family = [
        (LOAD, 0, 0, ARGUMENT_0),
        *((JUMP_EQUAL, len(FAMILIES) - i, 0, value) for i, value in enumerate(FAMILIES)),
        returns(ERRNO | EAFNOSUPPORT),
        returns(ALLOW),
    ]
    return {
        "socket": family,
        "socketpair": family,
        "clone": [
            (LOAD, 0, 0, ARGUMENT_0),
            (JUMP_SET, 0, 1, NAMESPACES),
            returns(ERRNO | EPERM),
            returns(ALLOW),
        ],
        "ioctl": [
            (LOAD, 0, 0, ARGUMENT_1),
            (JUMP_EQUAL, 1, 0, TIOCSTI),
            (JUMP_EQUAL, 0, 1, TIOCLINUX),
            returns(ERRNO | EPERM),
            returns(ALLOW),
        ],
    }


def compile_filter(names: list[str], architecture: str, checked: Mapping[str, list[Instruction]]) -> bytes:
    """The filter as the kernel takes it: struct sock_filter[]."""
    allow, refuse = [returns(ALLOW)], [returns(ERRNO | ENOSYS)]
    blocks = dict.fromkeys(numbers(names, architecture).values(), allow)
    blocks |= {number: checked[name] for name, number in numbers(list(checked), architecture).items()}
    starts = [(0, blocks.get(0, refuse))]
    for number in range(1, max(blocks) + 2):
        block = blocks.get(number, refuse)
        if block != starts[-1][1]:
            starts.append((number, block))
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCH),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCH[architecture]),
        returns(KILL),
        (LOAD, 0, 0, NUMBER),
        *search(starts),
    ]
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def search(starts: list[tuple[int, list[Instruction]]]) -> list[Instruction]:
    """Find the block of a number by halves: the kernel tries every number when a filter is loaded.

    Args:
        starts: the numbers, ascending, from which on a block decides, up to the next.
    """
    if len(starts) == 1:
        return starts[0][1]
    middle = len(starts) // 2
    below, above = search(starts[:middle]), search(starts[middle:])
    return [(JUMP_AT_LEAST, len(below), 0, starts[middle][0]), *below, *above]


def allowed() -> list[str]:
    """Names in syscalls_allowed.txt."""
    lines = (HERE / "syscalls_allowed.txt").read_text().splitlines()
    return [name for line in lines for name in line.split("#")[0].split()]


def main(folder: Path) -> None:
    """Write the filters: three for each architecture."""
    alone = [name for name in allowed() if name not in NEEDS_NAMESPACES]
    variants = (
        ("", [*allowed(), *NEEDS_A_CGROUP], checks()),
        ("-nomemfd", allowed(), checks()),
        ("-nosockets", alone, checks_without_namespaces()),
    )
    for architecture in AUDIT_ARCH:
        for variant, names, checked in variants:
            path = folder / f"seccomp-{architecture}{variant}.bpf"
            path.write_bytes(compile_filter(names, architecture, checked))
            print(f"{path}: {path.stat().st_size // 8} instructions")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "sandbox" / "inner" / "walls")
