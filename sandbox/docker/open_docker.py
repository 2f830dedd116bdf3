"""Open the Docker backend: find engine and image, and start a container.

The image's own Python runs the programs: a policy's `python` names one of the host's and is ignored.
"""

import contextlib
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from sandbox.docker.boot import ContainerRecipe
from sandbox.docker.container import open_container
from sandbox.docker.design import capabilities_of, facts_of
from sandbox.docker.engine import connect, find_image
from sandbox.docker.labels import OWNER, keeper, labels
from sandbox.host.capabilities import network_of, require_kept
from sandbox.policy import Policy
from sandbox.stream.stream_sandbox import StreamSandbox

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
    """Open a sandbox for as long as the block lasts; arguments as `open_bubblewrap`, `python` is ignored.

    Raises:
        BackendMissing: no engine, no image, or one without Python; the message says what helps.
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
            open_one = partial(open_container, engine, recipe)
            first = await open_one()
            capabilities = capabilities_of(facts_of(first.facts), recipe)
            network = network_of(policy, outside=outside, without=without)
            sandbox = StreamSandbox("docker", image, policy, capabilities, first, open_one, network=network)
            try:
                require_kept(policy, capabilities)
                yield sandbox
            finally:
                await sandbox.close()
    finally:
        engine.close()
