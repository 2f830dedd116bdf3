"""End a task's containers that write more to the engine's disk than they may.

Engines rarely limit the disk of a container or volume. So the size of its changes is checked repeatedly;
it can exceed the limit by what programs write between two checks.
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
"""Check for at most one tenth of the time: the engine adds up the sizes of all changed files."""
_SLOW_S = 120


async def watch_disk(container: HarborContainer, most_bytes: int) -> None:
    """End the started container once its changes, or one of its volumes, exceed `most_bytes`.

    Returns when it has ended the container, or if the container is gone or the engine fails.
    """
    loop = asyncio.get_running_loop()
    with suppress(SandboxBroken):
        while True:
            began = loop.time()
            size = await _written_bytes(container)
            if size is None:
                return
            if size > most_bytes:
                await container.kill()
                return
            await asyncio.sleep(max(_EVERY_S, _SHARE * (loop.time() - began)))


async def _written_bytes(container: HarborContainer) -> int | None:
    """Return the bytes of a container's changes, or of a larger volume of it; None if it is gone."""

    def act(api: "APIClient") -> int:
        url = f"{api.base_url}/v{api.api_version}"
        answer = api.get(f"{url}/containers/{container.name}/json", params={"size": 1}, timeout=_SLOW_S)
        answer.raise_for_status()
        sizes, names = [int(answer.json().get("SizeRw") or 0)], container.volume_names
        if names:
            answer = api.get(f"{url}/system/df", params={"type": "volume"}, timeout=_SLOW_S)
            answer.raise_for_status()
            volumes = [each for each in answer.json().get("Volumes") or () if each["Name"] in names]
            sizes += [int((each.get("UsageData") or {}).get("Size") or 0) for each in volumes]
        return max(sizes)

    return await container.engine.ask("measure a container", act, missing_ok=True)
