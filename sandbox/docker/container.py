"""One container: created, verified from inside, and always removed."""

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress

from sandbox.docker.attached_stream import attach
from sandbox.docker.boot import OWN_PROCESSES, Recipe, boot_content, create, memory
from sandbox.docker.chores import to_the_end
from sandbox.docker.control_channel import Control
from sandbox.docker.engine import Engine, EngineRefused, plain_socket
from sandbox.docker.engine_facts import Facts, check
from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.host.limits import RunLimits

_BOOT_S = 30.0
_BAD_REQUEST = 400
"""An engine's error where a container's program can't be started."""
_STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


class Container:
    """A running container with its pid 1 serving. Made by `open_container`."""

    def __init__(self, engine: Engine, recipe: Recipe, name: str) -> None:
        self.engine, self.recipe, self.name = engine, recipe, name
        self._control: Control | None = None
        self._facts: Facts | None = None
        self._given: tuple[int, int, int] | None = (recipe.policy.memory_mb, recipe.processes, 0)
        self._on_end: list[Callable[[Container], None]] = []
        self.broken: SandboxBroken | None = None
        """Why it can't be used any more."""

    @property
    def control(self) -> Control:
        """The control channel to pid 1."""
        assert self._control is not None
        return self._control

    @property
    def facts(self) -> Facts:
        """Facts found inside."""
        assert self._facts is not None
        return self._facts

    async def start(self) -> None:
        """Create it and wait until pid 1 serves. Raises as `open_container`."""
        await self.engine.ask("make a container", lambda api: create(api, self.recipe, self.name))
        stream = await self.engine.ask(
            "attach to a container", lambda api: plain_socket(api.attach_socket(self.name, params=_STREAMS))
        )
        assert stream is not None
        self._control = Control(await attach(stream), on_end=self.condemn)
        await self._begin()
        try:
            async with asyncio.timeout(_BOOT_S):
                python = await self._control.hello()
                said = await self._control.boot(boot_content(self.recipe, python))
        except TimeoutError as error:
            raise SandboxBroken(f"The container did not start within {_BOOT_S:.0f} s.") from error
        except SandboxBroken as error:
            raise BackendMissing(
                f"The image needs Python 3.8 or newer as python3 on its PATH; it did not start. {error}"
            ) from error
        self._facts = check(said, self.recipe)

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

    def on_end(self, call: "Callable[[Container], None]") -> None:
        """Register a callback for when it becomes unusable, before its removal."""
        self._on_end.append(call)

    def condemn(self, reason: SandboxBroken) -> None:
        """Mark it as unusable."""
        if self.broken is None:
            self.broken = reason
            for call in self._on_end:
                call(self)

    async def remove(self) -> None:
        """End and remove it. Idempotent; never raises for a lost engine."""
        self.broken = self.broken or SandboxBroken("The sandbox is closed.")
        if self._control is not None:
            self._control.close()
        with suppress(SandboxBroken):  # pid 1 exits by itself, and the engine removes ended containers
            await self.engine.remove(self.name)

    async def _begin(self) -> None:
        try:
            await self.engine.ask("start a container", lambda api: api.start(self.name))
        except EngineRefused as error:
            if error.status == _BAD_REQUEST:
                fix = "coder sandbox build"
                raise BackendMissing(
                    "The image has no python3 on its PATH; programs need Python 3.8 or newer there. "
                    f"Build it with: {fix}",
                    fix=fix,
                ) from error
            raise


def rlimits_of(limits: RunLimits) -> dict[str, int | None]:
    """The kernel's limits of each process; the container's cgroup counts memory and processes."""
    return {**limits.rlimits(counted=True), "processes": None}


async def open_container(engine: Engine, recipe: Recipe) -> Container:
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
