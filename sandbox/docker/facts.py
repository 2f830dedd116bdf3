"""What a container turned out to be, as the kernel has it: seen before any program runs in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.contract import Capability
from sandbox.docker.boot import FOLDERS, Recipe, memory
from sandbox.errors import PolicyUnmet, SandboxBroken

_FILTERED = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True)
class Facts:
    """Said by pid 1 at its start; None for what isn't to be seen in there."""

    cgroup: int
    memory: int | None
    swap: int | None
    """Memory and swap together with cgroup v1, swap alone with v2; bytes, -1 for no limit."""
    pids: int | None
    root: str
    """`ro` or `rw`."""
    interfaces: Sequence[str]
    swap_total: int
    """KiB of swap that the machine has."""
    sizes: Mapping[str, Sequence[int]]
    """Bytes and files of each folder with a size."""
    machine: str
    path: str
    python: Sequence[int]
    landlock: int

    @property
    def counts_swap(self) -> bool:
        """False where programs may use more memory than they should by way of swap."""
        if self.swap_total == 0:
            return True
        if self.swap is None or self.memory is None:
            return False
        return self.swap == 0 if self.cgroup == 2 else 0 <= self.swap <= self.memory


def check(said: Mapping[str, Any], recipe: Recipe) -> Facts:
    """The facts, once they are what was asked of the engine.

    Raises:
        SandboxBroken: the engine did not do what it was told.
        PolicyUnmet: there is no filter of system calls for the container's architecture.
    """
    facts, policy, without = Facts(**said), recipe.policy, recipe.without
    wrong = []
    if (
        "memory" not in without
        and facts.memory is not None
        and not _is_within(facts.memory, memory(policy.memory_mb))
    ):
        wrong.append("memory")
    if "processes" not in without and facts.pids is not None and not _is_within(facts.pids, recipe.processes):
        wrong.append("processes")
    if "read-only" not in without and facts.root != "ro":
        wrong.append("a read-only root")
    if "network" not in without and list(facts.interfaces) not in ([], ["lo"]):
        wrong.append("no network")
    for folder in FOLDERS:
        size, files = facts.sizes[folder]
        if "disk" not in without and size > recipe.disk_bytes + (1 << 20):
            wrong.append(f"the size of {folder}")
        if "files" not in without and files > max(policy.files, 4096):
            wrong.append(f"the number of files in {folder}")
    if wrong:
        raise SandboxBroken(
            f"The Docker engine did not give the container what it was asked for: {', '.join(wrong)}."
        )
    if facts.machine not in _FILTERED and "seccomp" not in without:
        raise PolicyUnmet(
            f"No filter of system calls is made for {facts.machine}: {' and '.join(_FILTERED)} only."
        )
    return facts


def capabilities_of(facts: Facts, *, runtime: str | None) -> tuple[Capability, ...]:
    """The guarantees of the Docker backend with what keeps each here."""
    second = f" and Landlock (ABI {facts.landlock})" if facts.landlock >= 2 else ""
    cgroup = f"the container's cgroup (v{facts.cgroup})"
    apart = "a container of its own for a fresh run; in the lasting workspace one after the other"
    kernel = f", the runtime {runtime}" if runtime else ""
    kept = {
        "memory": cgroup if facts.counts_swap else None,
        "processes": cgroup,
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "pid 1 of the container ends the run's group; the container is removed where it can't",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "tmpfs with a size",
        "files": "tmpfs with a number of inodes",
        "network": "a network namespace with loopback only",
        "host files": f"the image's root, read-only, in a mount namespace{second}",
        "environment": "what the image has, replaced by a clean one",
        "other runs": f"{apart}{second}",
        "nothing left": "pid 1 ends what a run left, and everything with its owner; the engine removes it",
        "privileges": "uid 65534, no capabilities, no_new_privs",
        "system calls": f"seccomp allow-list, over the engine's own{kernel}",
    }
    return tuple(
        Capability(guarantee=guarantee, mechanism=mechanism) for guarantee, mechanism in kept.items()
    )


def _is_within(found: int, asked: int) -> bool:
    return 0 <= found <= asked
