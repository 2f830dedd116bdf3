"""Holder of an agent and all its programs, such as a container; made by a backend, used by a place."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.errors import BackendMissing, SandboxBroken
from sandbox.host.limits import RunLimits
from sandbox.stream.booting import boot_content
from sandbox.stream.chores import to_the_end
from sandbox.stream.connections import StreamDoor
from sandbox.stream.link import Link

if TYPE_CHECKING:
    from sandbox.network.proxy import Network, NetworkProxy

_BOOT_S = 60.0


async def _no_limit(limits: RunLimits, kept_bytes: int) -> None:
    """Do nothing: the kernel, or whatever surrounds the agent, enforces the limits."""


@dataclass(slots=True, eq=False)
class Holder:
    """A running agent, and how to limit and remove what it runs in."""

    link: Link
    facts: Mapping[str, Any]
    """What the agent reported of its place."""
    environment: Mapping[str, str]
    """The usual environment of programs."""
    without: frozenset[str]
    release: Callable[[], Awaitable[object]]
    """Function that waits until nothing of the agent is left, once its link is closed."""
    limit: Callable[[RunLimits, int], Awaitable[None]] = _no_limit
    """Function that limits everything in it, given limits and the bytes of files that count as memory."""
    counted: bool = False
    """Whether it bounds memory and processes of all programs together; else the kernel bounds each one."""
    session_environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of a session's commands that replace the usual ones."""
    proxy: "NetworkProxy | None" = None
    """Proxy that connects its programs to allowed hosts."""

    def serve(self, network: "Network") -> None:
        """Connect its programs to allowed hosts from now on."""
        self.proxy = network.serve(StreamDoor(self.link))

    def cut(self) -> None:
        """Close all connections of programs to hosts."""
        if self.proxy is not None:
            self.proxy.cut()

    async def remove(self) -> None:
        """End the agent and remove its holder. Idempotent; doesn't raise if the engine is lost."""
        if self.proxy is not None:
            self.proxy.close()
        await close(self.link, self.release)


async def boot_agent(
    link: Link, settings: dict[str, Any], release: Callable[[], Awaitable[object]], *, needs: str
) -> dict[str, Any]:
    """Send an agent its code; return its report. On failure or cancellation nothing of it remains.

    Args:
        settings: as `agent_settings` makes them.
        needs: what the place must have, in a sentence.

    Raises:
        BackendMissing: no agent starts there.
        SandboxBroken: the agent did not start in time.
    """
    try:
        async with asyncio.timeout(_BOOT_S):
            python = await link.python
            return await link.boot(boot_content(settings, python))
    except BaseException as error:
        await to_the_end(close(link, release))
        if isinstance(error, TimeoutError):
            raise SandboxBroken(f"{needs} Its agent did not start within {_BOOT_S:.0f} s.") from error
        if isinstance(error, SandboxBroken):
            raise BackendMissing(f"{needs} {error}") from error
        raise


async def close(link: Link | None, release: Callable[[], Awaitable[object]]) -> None:
    """Close the link to an agent, and wait until nothing of it is left."""
    if link is not None:
        link.close()
    with suppress(SandboxBroken):  # an agent ends by itself, and an engine removes ended containers
        await release()
