"""The filters of system calls: the committed files allow what the list says, on both architectures."""

import struct
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))
import make_seccomp

INNER = Path(__file__).parents[4] / "sandbox" / "inner" / "walls"
ALLOW, KILL, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
FORBIDDEN = """
ptrace process_vm_readv process_vm_writev mount umount2 pivot_root chroot unshare setns keyctl
add_key request_key bpf perf_event_open userfaultfd reboot kexec_load init_module finit_module
delete_module swapon swapoff settimeofday clock_settime clock_adjtime adjtimex acct quotactl
open_by_handle_at name_to_handle_at move_mount fsopen fsmount fsconfig fspick open_tree
mount_setattr io_uring_setup io_uring_enter io_uring_register personality syslog vhangup pidfd_getfd
kcmp clone3 fanotify_init memfd_secret sethostname setdomainname lookup_dcookie nfsservctl
process_madvise move_pages migrate_pages io_setup
"""


def decide(program: bytes, architecture: int, number: int, arguments: tuple[int, ...] = (0, 0)) -> int:
    """What a filter returns for one call: the part of the kernel's machine that our filters use."""
    data = struct.pack("<iIQ6Q", number, architecture, 0, *arguments, *(0,) * (6 - len(arguments)))
    instructions = list(struct.iter_unpack("<HBBI", program))
    accumulator = position = 0
    while True:
        code, true, false, value = instructions[position]
        position += 1
        if code == make_seccomp.LOAD:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == make_seccomp.JUMP_EQUAL:
            position += true if accumulator == value else false
        elif code == make_seccomp.JUMP_AT_LEAST:
            position += true if accumulator >= value else false
        elif code == make_seccomp.JUMP_SET:
            position += true if accumulator & value else false
        else:
            assert code == make_seccomp.RETURN
            return value


@pytest.fixture(params=make_seccomp.AUDIT_ARCH)
def architecture(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(params=["", "-nomemfd"])
def committed(architecture: str, request: pytest.FixtureRequest) -> bytes:
    return (INNER / f"seccomp-{architecture}{request.param}.bpf").read_bytes()


def test_the_committed_filters_are_those_that_the_list_gives(tmp_path: Path) -> None:
    make_seccomp.main(tmp_path)

    for file in tmp_path.iterdir():
        assert file.read_bytes() == (INNER / file.name).read_bytes(), file.name


def test_every_listed_call_is_allowed_and_every_other_is_not(architecture: str) -> None:
    committed = (INNER / f"seccomp-{architecture}.bpf").read_bytes()
    token = make_seccomp.AUDIT_ARCH[architecture]
    names = [*make_seccomp.allowed(), *make_seccomp.NEEDS_A_CGROUP]
    listed = set(make_seccomp.numbers(names, architecture).values())
    checked = set(make_seccomp.numbers(list(make_seccomp.checks()), architecture).values())

    for number in set(range(1024)) - checked:
        assert (decide(committed, token, number) == ALLOW) == (number in listed), number


def test_calls_that_reach_beyond_a_process_are_refused(architecture: str, committed: bytes) -> None:
    token = make_seccomp.AUDIT_ARCH[architecture]
    numbers = make_seccomp.numbers(FORBIDDEN.split(), architecture)
    assert len(numbers) > 40

    for name, number in numbers.items():
        assert decide(committed, token, number) == ERRNO | make_seccomp.ENOSYS, name


def test_memory_that_belongs_to_no_process_needs_a_cgroup(architecture: str) -> None:
    uncounted = (INNER / f"seccomp-{architecture}-nomemfd.bpf").read_bytes()
    token = make_seccomp.AUDIT_ARCH[architecture]

    for number in make_seccomp.numbers(list(make_seccomp.NEEDS_A_CGROUP), architecture).values():
        assert decide(uncounted, token, number) == ERRNO | make_seccomp.ENOSYS


def test_another_architecture_is_killed(architecture: str, committed: bytes) -> None:
    for token in (0x40000003, 0x40000028, 0):  # i386, arm, nonsense
        assert decide(committed, token, 0) == KILL


def test_the_x32_numbers_are_not_a_way_round(committed: bytes) -> None:
    token = make_seccomp.AUDIT_ARCH["x86_64"]

    for number in (0x40000000, 0x40000000 + 101, 0x40000000 + 520):
        assert decide(committed, token, number - (1 << 32) if number >= 1 << 31 else number) != ALLOW


@pytest.mark.parametrize("name", ["socket", "socketpair"])
def test_only_unix_and_internet_sockets_can_be_made(architecture: str, committed: bytes, name: str) -> None:
    token = make_seccomp.AUDIT_ARCH[architecture]
    number = make_seccomp.numbers([name], architecture)[name]

    for family in range(64):
        allowed = decide(committed, token, number, (family, 0)) == ALLOW
        assert allowed == (family in (1, 2, 10)), family
    assert decide(committed, token, number, ((1 << 32) | 16, 0)) != ALLOW


def test_no_clone_makes_a_namespace(architecture: str, committed: bytes) -> None:
    token = make_seccomp.AUDIT_ARCH[architecture]
    number = make_seccomp.numbers(["clone"], architecture)["clone"]

    assert decide(committed, token, number, (0x3D0F00, 0)) == ALLOW  # what pthread_create asks for
    for bit in (17, 25, 26, 27, 28, 29, 30):
        assert decide(committed, token, number, (1 << bit | 17, 0)) == ERRNO | make_seccomp.EPERM


def test_nothing_is_typed_into_a_terminal(architecture: str, committed: bytes) -> None:
    token = make_seccomp.AUDIT_ARCH[architecture]
    number = make_seccomp.numbers(["ioctl"], architecture)["ioctl"]

    assert decide(committed, token, number, (0, 0x5401)) == ALLOW
    for request in (0x5412, 0x541C, (1 << 32) | 0x5412):
        assert decide(committed, token, number, (0, request)) == ERRNO | make_seccomp.EPERM


def test_without_namespaces_no_socket_but_a_pair_can_be_made(architecture: str) -> None:
    alone = (INNER / f"seccomp-{architecture}-nosockets.bpf").read_bytes()
    token = make_seccomp.AUDIT_ARCH[architecture]
    numbers = make_seccomp.numbers(["socket", "socketpair"], architecture)

    for family in range(64):
        assert decide(alone, token, numbers["socket"], (family, 0)) != ALLOW
        assert (decide(alone, token, numbers["socketpair"], (family, 0)) == ALLOW) == (family == 1)


def test_without_namespaces_nothing_of_the_machine_is_reached(architecture: str) -> None:
    alone = (INNER / f"seccomp-{architecture}-nosockets.bpf").read_bytes()
    token = make_seccomp.AUDIT_ARCH[architecture]
    names = [*make_seccomp.NEEDS_NAMESPACES, *make_seccomp.NEEDS_A_CGROUP, *FORBIDDEN.split()]

    for name, number in make_seccomp.numbers(names, architecture).items():
        assert decide(alone, token, number) == ERRNO | make_seccomp.ENOSYS, name
    for name, number in make_seccomp.numbers(list(make_seccomp.OWN_ONLY), architecture).items():
        assert decide(alone, token, number, (0, 0)) == ALLOW, name
        assert decide(alone, token, number, (1, 0)) == ERRNO | make_seccomp.EPERM, name
    (nice,) = make_seccomp.numbers(["setpriority"], architecture).values()
    assert decide(alone, token, nice, (0, 0)) == ALLOW
    assert {decide(alone, token, nice, who) for who in ((0, 1), (1, 0), (2, 0))} == {ERRNO | 1}
