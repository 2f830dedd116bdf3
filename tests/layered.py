"""A sandbox whose workspace has a layer over it, however few files it holds."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager

from sandbox import Policy, Sandbox, Session
from sandbox.backends.bubblewrap import open_bubblewrap

_TRIES = 50


@asynccontextmanager
async def open_layered(
    policy: Policy, files: Mapping[str, bytes] | None = None, *, without: Collection[str] = ()
) -> AsyncIterator[Sandbox]:
    """A sandbox in whose workspace these files lie below the layer, or none that is still there."""
    async with open_bubblewrap(policy, without=frozenset(without), walls="two", layer_from=1) as box:
        for _ in range(_TRIES):  # as long as its first children are on their way, none is put
            await box.lay(files or {"below/was": b"laid"})
            async with box.session() as session:
                if await has_layer(session):
                    break
        else:
            raise AssertionError("no layer could be put")
        if files is None:
            await box.remove(".")
        yield box


async def has_layer(session: Session) -> bool:
    """Whether its workspace has a layer."""
    return "overlay /w overlay" in (await session.sh("cat /proc/mounts")).output
