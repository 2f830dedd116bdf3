"""A sandbox whose workspace has a layer over it, however few files it holds."""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from sandbox import Policy, Sandbox, Session
from sandbox.backends.bubblewrap import open_bubblewrap
from sandbox.host.pool import Pool


@asynccontextmanager
async def open_layered(
    policy: Policy, files: Mapping[str, bytes] | None = None, *, without: Collection[str] = ()
) -> AsyncIterator[Sandbox]:
    """A sandbox in whose workspace these files lie below the layer, or none that is still there."""
    async with open_bubblewrap(policy, without=frozenset(without), walls="two", layer_from=1) as box:
        await box.lay(files or {"below/was": b"laid"})
        await children_rest(box)
        async with box.session() as session:
            assert await has_layer(session)
        if files is None:
            await box.remove(".")
        yield box


async def children_rest(box: Sandbox) -> None:
    """Wait until no child of a sandbox is on its way or dies: until then it puts no layer."""
    pool: Pool = box._pool  # type: ignore[attr-defined]
    while pool._coming or not pool.at_rest():  # noqa: ASYNC110 - a pool tells nobody
        await asyncio.sleep(0.005)


async def has_layer(session: Session) -> bool:
    """Whether its workspace has a layer."""
    return "overlay /w overlay" in (await session.sh("cat /proc/mounts")).output
