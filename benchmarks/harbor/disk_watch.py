"""End a task's container that writes more to the engine's disk than it may.

Engines rarely limit the disk of a container. So the size of its changes is looked at again and again, and
what exceeds the limit meanwhile is what programs write between two looks.
"""

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from benchmarks.harbor.container import HarborContainer
from sandbox.errors import SandboxBroken

if TYPE_CHECKING:
    from docker import APIClient

_EVERY_S = 2.0
_SHARE = 10
"""Look for at most the tenth part of the time: the engine adds up the sizes of all changed files."""
_SLOW_S = 120


async def watch_disk(container: HarborContainer, most_bytes: int) -> None:
    """End the container once its changes have more bytes; return then, or if the engine fails."""
    loop = asyncio.get_running_loop()
    with suppress(SandboxBroken):
        while True:
            began = loop.time()
            size = await _changed_bytes(container)
            if size is None:
                return
            if size > most_bytes:
                await container.kill()
                return
            await asyncio.sleep(max(_EVERY_S, _SHARE * (loop.time() - began)))


async def _changed_bytes(container: HarborContainer) -> int | None:
    """Return the bytes that a container has changed or added; None if there is no such container."""

    def act(api: "APIClient") -> int:
        url = f"{api.base_url}/v{api.api_version}/containers/{container.name}/json"
        answer = api.get(url, params={"size": 1}, timeout=_SLOW_S)
        answer.raise_for_status()
        return int(answer.json().get("SizeRw") or 0)

    return await container.engine.ask("measure a container", act, missing_ok=True)
