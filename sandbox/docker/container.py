"""One container: created, verified from inside, and always removed."""

import asyncio
import secrets
from collections.abc import Callable, Mapping
from contextlib import suppress

from sandbox.docker.attached_stream import attach
from sandbox.docker.boot import memory
from sandbox.docker.design import ContainerFacts, Walled
from sandbox.docker.engine import Engine, EngineRefused, plain_socket
from sandbox.errors import BackendMissing, SandboxBroken, own_command
from sandbox.host.limits import RunLimits
from sandbox.stream.booting import boot_content
from sandbox.stream.chores import to_the_end
from sandbox.stream.link import Link
from sandbox.stream.place import OWN_PROCESSES

_BOOT_S = 30.0
_BAD_REQUEST = 400
"""An engine's error where a container's program can't be started."""
_STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


class Container:
    """A running container with its pid 1 serving. Made by `open_container`."""

    def __init__(self, engine: Engine, design: Walled, name: str) -> None:
        self.engine, self.design, self.name = engine, design, name
        self._link: Link | None = None
        self.without, self.counted = design.without, True
        self.facts: ContainerFacts
        """Found inside, once it has started."""
        self._given: tuple[int, int, int] | None = (design.policy.memory_mb, design.processes, 0)
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
        return self.design.environment(self.facts)

    @property
    def session_environment(self) -> Mapping[str, str]:
        """Variables of a session's commands that replace the usual ones."""
        return self.design.session_environment(self.facts)

    async def start(self) -> None:
        """Create it and wait until pid 1 serves. Raises as `open_container`."""
        await self.engine.ask("make a container", lambda api: self.design.create(api, self.name))
        stream = await self.engine.ask(
            "attach to a container", lambda api: plain_socket(api.attach_socket(self.name, params=_STREAMS))
        )
        assert stream is not None
        self._link = Link(await attach(stream), on_end=self.condemn)
        await self._begin()
        try:
            async with asyncio.timeout(_BOOT_S):
                python = await self._link.python
                said = await self._link.boot(boot_content(self.design.settings(), python))
        except TimeoutError as error:
            raise SandboxBroken(f"The container did not start within {_BOOT_S:.0f} s.") from error
        except SandboxBroken as error:
            raise BackendMissing(
                f"The image needs Python 3.8 or newer as python3 on its PATH; it did not start. {error}"
            ) from error
        self.facts = self.design.check(said)

    async def limit(self, limits: RunLimits, *, kept_bytes: int) -> None:
        """Hold the whole container to limits; `kept_bytes` in its folders count beside a run's memory."""
        kept_bytes -= kept_bytes % (16 << 20)
        given = (limits.memory_mb, limits.processes + OWN_PROCESSES, kept_bytes)
        if given == self._given:
            return
        changes: dict[str, int] = {}
        if "memory" not in self.without:
            size = memory(limits.memory_mb, kept_bytes)
            changes |= {"Memory": size, "MemorySwap": size}
        if "processes" not in self.without:
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


async def open_container(engine: Engine, design: Walled) -> Container:
    """Open a container; on failure or cancellation nothing of it remains.

    Raises:
        BackendMissing: the image lacks a requirement.
        SandboxBroken: it could not be made, or fails verification.
    """
    container = Container(engine, design, f"coder-sandbox-{secrets.token_hex(6)}")
    try:
        await container.start()
    except BaseException:
        await to_the_end(container.remove())
        raise
    return container
