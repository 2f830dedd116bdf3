"""Open the Docker backend: find engine and image, and start a container.

The image's own Python runs the programs: a policy's `python` names one of the host's and is ignored.
"""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from sandbox.docker.boot import ContainerRecipe
from sandbox.docker.container import open_container
from sandbox.docker.design import capabilities_of
from sandbox.docker.engine import connect, find_image
from sandbox.docker.labels import OWNER, keeper, labels
from sandbox.policy import Policy
from sandbox.stream.stream_sandbox import StreamSandbox, open_places

if TYPE_CHECKING:
    from sandbox.network.outside_lookup import Outside


@contextlib.asynccontextmanager
async def open_docker(
    policy: Policy,
    *,
    without: frozenset[str] = frozenset(),
    landlock: int = 99,
    outside: "Outside | None" = None,
) -> AsyncIterator[StreamSandbox]:
    """Open a sandbox for a `with` block; arguments as for `open_bubblewrap`, but `python` is ignored.

    Raises:
        BackendMissing: there is no engine, no image, or no Python in it; the message says what helps.
        PolicyUnmet: these containers can't enforce the policy.
        SandboxBroken: it could not be started for another reason.
    """
    engine = await connect()
    try:
        image, volumes = await find_image(engine, policy.image)
        counts_files = not await engine.is_podman()
        recipe = ContainerRecipe(policy, image, tuple(volumes), labels(), without, landlock, counts_files)
        kept = contextlib.nullcontext() if "keeper" in without else keeper(recipe.labels[OWNER])
        with kept:
            open_one, kept_by = partial(open_container, engine, recipe), partial(capabilities_of, recipe)
            async with open_places(
                "docker", image, policy, open_one, kept_by, without=without, outside=outside
            ) as sandbox:
                yield sandbox
    finally:
        engine.close()
