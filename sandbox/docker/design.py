"""The request for a container, and the check of its agent's report against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from sandbox.docker.boot import ContainerRecipe, memory
from sandbox.errors import PolicyUnmet, SandboxBroken
from sandbox.host.capabilities import as_capabilities, reaching
from sandbox.policy import Capability

_PAGE = 1 << 16
_SECCOMP_MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """Properties that pid 1 reports at its start; None for those that are invisible inside."""

    cgroup: int
    memory: int | None
    swap: int | None
    """Memory and swap together with cgroup v1, swap alone with v2; bytes, -1 for no limit."""
    pids: int | None
    writable: Sequence[str]
    """Writable mount points of disks: `/` for the root."""
    interfaces: Sequence[str]
    swap_total: int
    """The machine's swap in KiB."""
    sizes: Mapping[str, tuple[int, int]]
    """Bytes and files of each folder with a size."""
    machine: str
    path: str
    """PATH of programs, with Python under both of its names."""
    python: Sequence[int]
    landlock: int
    home: str
    """HOME of the container's user."""

    @property
    def counts_swap(self) -> bool:
        """Whether the memory limit bounds swap too."""
        if self.swap_total == 0:
            return True
        if self.swap is None or self.memory is None:
            return False
        return self.swap == 0 if self.cgroup == 2 else 0 <= self.swap <= self.memory


def facts_of(said: Mapping[str, Any]) -> ContainerFacts:
    """Return an agent's validated report. Raises SandboxBroken if it is invalid, as an image's python3 may
    make it."""
    try:
        return _FACTS.validate_python(said)
    except ValidationError as error:
        raise SandboxBroken("The report of the container's agent is invalid.") from error


_FACTS = TypeAdapter(ContainerFacts)


def check(said: Mapping[str, Any], recipe: ContainerRecipe) -> ContainerFacts:
    """Return the facts, verified against the request.

    Raises:
        SandboxBroken: the engine did not do what was asked.
        PolicyUnmet: there is no filter of system calls for the container's architecture.
    """
    facts = facts_of(said)
    kept = {
        "memory": is_within(facts.memory, memory(recipe.policy.memory_mb)),
        "processes": is_within(facts.pids, recipe.processes),
        "read-only": not facts.writable,
        "network": set(facts.interfaces) <= {"lo"},
        "folders": all(
            _has_no_more(facts.sizes.get(folder, (0, 0)), room) for folder, room in recipe.rooms.items()
        ),
    }
    wrong = [name for name, is_kept in kept.items() if not is_kept and name not in recipe.without]
    if wrong:
        raise SandboxBroken(
            f"The Docker engine did not give the container what it was asked for: {', '.join(wrong)}."
        )
    if facts.machine not in _SECCOMP_MACHINES and "seccomp" not in recipe.without:
        raise PolicyUnmet(
            f"No filter of system calls is made for {facts.machine}: {' and '.join(_SECCOMP_MACHINES)} only."
        )
    return facts


def capabilities_of(recipe: ContainerRecipe, said: Mapping[str, Any]) -> tuple[Capability, ...]:
    """Return the guarantees of the Docker backend with their mechanisms, from an agent's report."""
    facts = facts_of(said)
    second = f" and Landlock (ABI {facts.landlock})" if facts.landlock >= 2 else ""
    cgroup = f"the container's cgroup (v{facts.cgroup})"
    apart = "a container of its own for a fresh run; in the lasting workspace one after the other"
    kernel = f", the runtime {recipe.policy.runtime}" if recipe.policy.runtime else ""
    kept = {
        "memory": cgroup if facts.counts_swap else None,
        "processes": cgroup,
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "pid 1 of the container ends the run's group; the container is removed where it can't",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "tmpfs with a size",
        "files": "tmpfs with a number of inodes" if recipe.counts_files else None,
        "network": reaching("a network namespace with loopback only", recipe.policy),
        "host files": f"the image's root, read-only, in a mount namespace{second}",
        "environment": "what the image has, replaced by a clean one",
        "other runs": f"{apart}{second}",
        "nothing left": "pid 1 ends what a run left, and everything with its owner; the engine removes it",
        "privileges": "uid 65534, no capabilities, no_new_privs",
        "system calls": f"seccomp allow-list, over the engine's own{kernel}",
    }
    return as_capabilities(kept, ())


def is_within(found: int | None, asked: int) -> bool:
    """Whether a value is within the request; one that is invisible inside counts as within."""
    return found is None or 0 <= found <= asked


def _has_no_more(found: tuple[int, int], room: tuple[int | None, int | None]) -> bool:
    """Whether a size is within the request, which the engine rounds up to whole pages."""
    size, files = room
    return (size is None or 0 < found[0] < size + _PAGE) and (files is None or 0 < found[1] <= files)
