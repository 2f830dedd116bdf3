"""Write the seccomp filters of the sandbox: tools/syscalls_allowed.txt → sandbox/inner/seccomp-*.bpf.

Usage: python tools/make_seccomp.py [FOLDER]. Needs libseccomp.so.2, which only looks up the numbers of the
calls, so that one machine writes the filters of both architectures. The filter itself is plain: wrong
architecture → kill; allowed number → allow, some after a look at an argument; the rest → ENOSYS.
"""

import ctypes
import struct
import sys
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
FAMILIES = (1, 2, 10)  # AF_UNIX, AF_INET, AF_INET6
NAMESPACES = 0x7E020000  # every CLONE_NEW* that fits clone(2)
TIOCSTI, TIOCLINUX = 0x5412, 0x541C
ENOSYS, EPERM, EAFNOSUPPORT = 38, 1, 97

LOAD, JUMP_EQUAL, JUMP_SET, RETURN = 0x20, 0x15, 0x45, 0x06
KILL, ALLOW, ERRNO = 0x80000000, 0x7FFF0000, 0x00050000
NUMBER, ARCH, ARGUMENT_0, ARGUMENT_1 = 0, 4, 16, 24  # offsets of the low words in struct seccomp_data

Instruction = tuple[int, int, int, int]


def numbers(names: list[str], architecture: str) -> dict[str, int]:
    """Number of each call on an architecture; calls that it lacks are left out."""
    library = ctypes.CDLL("libseccomp.so.2")
    token = ctypes.c_uint32(AUDIT_ARCH[architecture])
    found = {name: library.seccomp_syscall_resolve_name_arch(token, name.encode()) for name in names}
    return {name: number for name, number in found.items() if number >= 0}


def returns(value: int) -> Instruction:
    """Instruction that ends the filter."""
    return (RETURN, 0, 0, value)


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


def compile_filter(names: list[str], architecture: str) -> bytes:
    """The filter as the kernel takes it: struct sock_filter[]."""
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCH),
        (JUMP_EQUAL, 1, 0, AUDIT_ARCH[architecture]),
        returns(KILL),
        (LOAD, 0, 0, NUMBER),
    ]
    for name, number in numbers(list(checks()), architecture).items():
        block = checks()[name]
        program += [(JUMP_EQUAL, 0, len(block), number), *block]
    for number in sorted(numbers(names, architecture).values()):
        program += [(JUMP_EQUAL, 0, 1, number), returns(ALLOW)]
    program.append(returns(ERRNO | ENOSYS))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in program)


def allowed() -> list[str]:
    """Names in syscalls_allowed.txt."""
    lines = (HERE / "syscalls_allowed.txt").read_text().splitlines()
    return [name for line in lines for name in line.split("#")[0].split()]


def main(folder: Path) -> None:
    """Write the four filters."""
    for architecture in AUDIT_ARCH:
        for variant, names in (("", [*allowed(), *NEEDS_A_CGROUP]), ("-nomemfd", allowed())):
            path = folder / f"seccomp-{architecture}{variant}.bpf"
            path.write_bytes(compile_filter(names, architecture))
            print(f"{path}: {path.stat().st_size // 8} instructions")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE.parent / "sandbox" / "inner")
