"""One container: created, verified from inside, and always removed."""

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sandbox.docker.attached_stream import attach
from sandbox.docker.boot import ContainerRecipe, create, memory, settings_of
from sandbox.docker.engine import Engine, EngineRefused, plain_socket
from sandbox.errors import BackendMissing, PolicyUnmet, SandboxBroken, own_command
from sandbox.host.limits import RunLimits
from sandbox.policy import Capability
from sandbox.stream.booting import WORKSPACE, boot_content
from sandbox.stream.chores import to_the_end
from sandbox.stream.link import Link
from sandbox.stream.place import OWN_PROCESSES

_PAGE = 1 << 16
_FILTERED = ("x86_64", "aarch64")
_BOOT_S = 30.0
_BAD_REQUEST = 400
"""An engine's error where a container's program can't be started."""
_STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """Reported by pid 1 at its start; None for what is invisible inside."""

    cgroup: int
    memory: int | None
    swap: int | None
    """Memory and swap together with cgroup v1, swap alone with v2; bytes, -1 for no limit."""
    pids: int | None
    writable: Sequence[str]
    """Writable mount points of disks: `/` for the root."""
    interfaces: Sequence[str]
    swap_total: int
    """KiB of swap of the machine."""
    sizes: Mapping[str, Sequence[int]]
    """Bytes and files of each folder with a size."""
    machine: str
    path: str
    """PATH of programs, with Python under both of its names."""
    python: Sequence[int]
    landlock: int

    @property
    def environment(self) -> dict[str, str]:
        """The default environment of programs."""
        return {"PATH": self.path, "HOME": WORKSPACE, "LANG": "C.UTF-8", "USER": "sandbox"}

    @property
    def counts_swap(self) -> bool:
        """Whether the memory limit bounds swap too."""
        if self.swap_total == 0:
            return True
        if self.swap is None or self.memory is None:
            return False
        return self.swap == 0 if self.cgroup == 2 else 0 <= self.swap <= self.memory


def check(said: Mapping[str, Any], recipe: ContainerRecipe) -> ContainerFacts:
    """The facts, verified against the request.

    Raises:
        SandboxBroken: the engine did not do what was asked.
        PolicyUnmet: there is no filter of system calls for the container's architecture.
    """
    facts = ContainerFacts(**said)
    kept = {
        "memory": _is_within(facts.memory, memory(recipe.policy.memory_mb)),
        "processes": _is_within(facts.pids, recipe.processes),
        "read-only": not facts.writable,
        "network": set(facts.interfaces) <= {"lo"},
        "folders": all(_has_no_more(facts.sizes[folder], room) for folder, room in recipe.rooms.items()),
    }
    wrong = [name for name, is_kept in kept.items() if not is_kept and name not in recipe.without]
    if wrong:
        raise SandboxBroken(
            f"The Docker engine did not give the container what it was asked for: {', '.join(wrong)}."
        )
    if facts.machine not in _FILTERED and "seccomp" not in recipe.without:
        raise PolicyUnmet(
            f"No filter of system calls is made for {facts.machine}: {' and '.join(_FILTERED)} only."
        )
    return facts


def capabilities_of(facts: ContainerFacts, recipe: ContainerRecipe) -> tuple[Capability, ...]:
    """The guarantees of the Docker backend, with their mechanisms."""
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


def _is_within(found: int | None, asked: int) -> bool:
    """Whether a value is within the request; an invisible one is trusted to the engine."""
    return found is None or 0 <= found <= asked


def _has_no_more(found: Sequence[int], room: tuple[int | None, int | None]) -> bool:
    """Whether a size is within the request, rounded up to whole pages."""
    size, files = room
    return (size is None or 0 < found[0] < size + _PAGE) and (files is None or 0 < found[1] <= files)


class Container:
    """A running container with its pid 1 serving. Made by `open_container`."""

    def __init__(self, engine: Engine, recipe: ContainerRecipe, name: str) -> None:
        self.engine, self.recipe, self.name = engine, recipe, name
        self._link: Link | None = None
        self.without, self.counted = recipe.without, True
        self.facts: ContainerFacts
        """Found inside, once it has started."""
        self._given: tuple[int, int, int] | None = (recipe.policy.memory_mb, recipe.processes, 0)
        self.on_end: Callable[[], object] = lambda: None
        """Called once when it becomes unusable, before its removal."""
        self._broken: SandboxBroken | None = None

    @property
    def broken(self) -> SandboxBroken | None:
        """Why it can't be used any more."""
        return self._broken

    @property
    def link(self) -> Link:
        """The link to its agent."""
        assert self._link is not None
        return self._link

    @property
    def environment(self) -> Mapping[str, str]:
        """The usual environment of programs."""
        return self.facts.environment

    async def start(self) -> None:
        """Create it and wait until pid 1 serves. Raises as `open_container`."""
        await self.engine.ask("make a container", lambda api: create(api, self.recipe, self.name))
        stream = await self.engine.ask(
            "attach to a container", lambda api: plain_socket(api.attach_socket(self.name, params=_STREAMS))
        )
        assert stream is not None
        self._link = Link(await attach(stream), on_end=self.condemn)
        await self._begin()
        try:
            async with asyncio.timeout(_BOOT_S):
                python = await self._link.python
                said = await self._link.boot(boot_content(settings_of(self.recipe), python))
        except TimeoutError as error:
            raise SandboxBroken(f"The container did not start within {_BOOT_S:.0f} s.") from error
        except SandboxBroken as error:
            raise BackendMissing(
                f"The image needs Python 3.8 or newer as python3 on its PATH; it did not start. {error}"
            ) from error
        self.facts = check(said, self.recipe)

    async def limit(self, limits: RunLimits, *, kept_bytes: int) -> None:
        """Hold the whole container to limits; `kept_bytes` in its folders count beside a run's memory."""
        kept_bytes -= kept_bytes % (16 << 20)
        given = (limits.memory_mb, limits.processes + OWN_PROCESSES, kept_bytes)
        if given == self._given:
            return
        changes: dict[str, int] = {}
        if "memory" not in self.recipe.without:
            size = memory(limits.memory_mb, kept_bytes)
            changes |= {"Memory": size, "MemorySwap": size}
        if "processes" not in self.recipe.without:
            changes["PidsLimit"] = given[1]
        self._given = None  # unknown, should this be cancelled meanwhile
        if changes:
            await self.engine.update(self.name, changes)
        self._given = given

    def condemn(self, reason: SandboxBroken) -> None:
        """Mark it as unusable."""
        if self._broken is None:
            self._broken = reason
            self.on_end()

    async def remove(self) -> None:
        """End and remove it. Idempotent; never raises for a lost engine."""
        self._broken = self._broken or SandboxBroken("The sandbox is closed.")
        if self._link is not None:
            self._link.close()
        with suppress(SandboxBroken):  # pid 1 exits by itself, and the engine removes ended containers
            await self.engine.remove(self.name)

    async def _begin(self) -> None:
        try:
            await self.engine.ask("start a container", lambda api: api.start(self.name))
        except EngineRefused as error:
            if error.status == _BAD_REQUEST:
                fix = f"{own_command()} sandbox build"
                raise BackendMissing(
                    "The image has no python3 on its PATH; programs need Python 3.8 or newer there. "
                    f"Build it with: {fix}",
                    fix=fix,
                ) from error
            raise


async def open_container(engine: Engine, recipe: ContainerRecipe) -> Container:
    """Open a container; on failure or cancellation nothing of it remains.

    Raises:
        BackendMissing: the image lacks a requirement.
        SandboxBroken: it could not be made, or fails verification.
    """
    container = Container(engine, recipe, f"coder-sandbox-{secrets.token_hex(6)}")
    try:
        await container.start()
    except BaseException:
        await to_the_end(container.remove())
        raise
    return container
