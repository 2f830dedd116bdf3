"""End a task's containers that write more to the engine's disk than they may.

Engines rarely limit the disk of a container or volume. So the size of its changes is looked at again and
again, and what exceeds the limit meanwhile is what programs write between two looks.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
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
    await _watch(lambda: _changed_bytes(container), most_bytes, [container])


async def watch_volumes(
    containers: Sequence[HarborContainer], volumes: frozenset[str], most_bytes: int
) -> None:
    """End the containers of a project once one of its volumes has more bytes; return as `watch_disk` does."""
    await _watch(lambda: _volume_bytes(containers[0], volumes), most_bytes, containers)


async def _watch(
    measure: Callable[[], Awaitable[int | None]], most_bytes: int, containers: Sequence[HarborContainer]
) -> None:
    loop = asyncio.get_running_loop()
    with suppress(SandboxBroken):
        while True:
            began = loop.time()
            size = await measure()
            if size is None:
                return
            if size > most_bytes:
                for container in containers:
                    await container.kill()
                return
            await asyncio.sleep(max(_EVERY_S, _SHARE * (loop.time() - began)))


async def _volume_bytes(container: HarborContainer, volumes: frozenset[str]) -> int | None:
    """Return the bytes of the largest volume."""

    def act(api: "APIClient") -> int:
        answer = api.get(f"{api.base_url}/v{api.api_version}/system/df", timeout=_SLOW_S)
        answer.raise_for_status()
        listed = [each for each in answer.json().get("Volumes") or () if each["Name"] in volumes]
        return max((int((each.get("UsageData") or {}).get("Size") or 0) for each in listed), default=0)

    return await container.engine.ask("measure volumes", act, missing_ok=True)


async def _changed_bytes(container: HarborContainer) -> int | None:
    """Return the bytes that a container has changed or added; None if there is no such container."""

    def act(api: "APIClient") -> int:
        url = f"{api.base_url}/v{api.api_version}/containers/{container.name}/json"
        answer = api.get(url, params={"size": 1}, timeout=_SLOW_S)
        answer.raise_for_status()
        return int(answer.json().get("SizeRw") or 0)

    return await container.engine.ask("measure a container", act, missing_ok=True)
