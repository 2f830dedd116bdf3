"""One container: created, verified from inside, and always removed."""

import secrets
from functools import partial

from sandbox.docker.attached_stream import attach
from sandbox.docker.boot import ContainerRecipe, create, memory, settings_of
from sandbox.docker.design import check
from sandbox.docker.engine import Engine, EngineRefused, plain_socket
from sandbox.errors import BackendMissing, own_command
from sandbox.host.limits import RunLimits
from sandbox.stream.booting import WORKSPACE
from sandbox.stream.chores import to_the_end
from sandbox.stream.holder import Holder, boot_agent, close
from sandbox.stream.link import Link
from sandbox.stream.place import OWN_PROCESSES

_BAD_REQUEST = 400
"""The engine's HTTP status if a container's program can't be started."""
_STREAMS = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
_NEEDS = "The image needs Python 3.8 or newer as python3 on its PATH."


class Limiter:
    """Sets limits of a whole container."""

    def __init__(self, engine: Engine, recipe: ContainerRecipe, name: str) -> None:
        self._engine, self._name, self._without = engine, name, recipe.without
        self._present: tuple[int, int, int] | None = (recipe.policy.memory_mb, recipe.processes, 0)

    async def limit(self, limits: RunLimits, kept_bytes: int) -> None:
        """Set its limits; `kept_bytes` of files are added to a run's memory. Raises SandboxBroken."""
        kept_bytes -= kept_bytes % (16 << 20)
        values = (limits.memory_mb, limits.processes + OWN_PROCESSES, kept_bytes)
        if values == self._present:
            return
        changes: dict[str, int] = {}
        if "memory" not in self._without:
            size = memory(limits.memory_mb, kept_bytes)
            changes |= {"Memory": size, "MemorySwap": size}
        if "processes" not in self._without:
            changes["PidsLimit"] = values[1]
        self._present = None  # unknown, should this be cancelled meanwhile
        if changes:
            await self._engine.update(self._name, changes)
        self._present = values


async def open_container(engine: Engine, recipe: ContainerRecipe) -> Holder:
    """Open a container; on failure or cancellation it is removed.

    Raises:
        BackendMissing: the image lacks a requirement.
        PolicyUnmet: there is no filter of system calls for its architecture.
        SandboxBroken: it can't be created, or fails verification.
    """
    name, link = f"coder-sandbox-{secrets.token_hex(6)}", None
    release = partial(engine.remove, name)
    try:
        await engine.ask("make a container", lambda api: create(api, recipe, name))
        stream = await engine.ask(
            "attach to a container", lambda api: plain_socket(api.attach_socket(name, params=_STREAMS))
        )
        assert stream is not None
        link = Link(await attach(stream))
        await _begin(engine, name)
        facts = await boot_agent(link, settings_of(recipe), release, needs=_NEEDS)
        path = check(facts, recipe).path
    except BaseException:
        await to_the_end(close(link, release))
        raise
    environment = {"PATH": path, "HOME": WORKSPACE, "LANG": "C.UTF-8", "USER": "sandbox"}
    limit = Limiter(engine, recipe, name).limit
    return Holder(link, facts, environment, recipe.without, release, limit, counted=True)


async def _begin(engine: Engine, name: str) -> None:
    try:
        await engine.ask("start a container", lambda api: api.start(name))
    except EngineRefused as error:
        if error.status == _BAD_REQUEST:
            fix = f"{own_command()} sandbox build"
            raise BackendMissing(
                "The image has no python3 on its PATH; programs need Python 3.8 or newer there. "
                f"Build it with: {fix}",
                fix=fix,
            ) from error
        raise
