"""Open a container of a task: start it, limit its network as the task specifies, wait for its health."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from benchmarks.harbor.archive_reader import MAX_BYTES
from benchmarks.harbor.compose.model import Project
from benchmarks.harbor.compose.options import Wiring
from benchmarks.harbor.compose.project import project_wiring
from benchmarks.harbor.container import HarborContainer
from benchmarks.harbor.disk_watch import watch_disk
from benchmarks.harbor.health import wait_until_healthy
from benchmarks.harbor.limited_network import limited_network
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.schema import MAIN_SERVICE
from benchmarks.harbor.services import service_recipe, start_services
from sandbox.docker.engine import Engine
from sandbox.network.outside_lookup import Outside
from sandbox.stream.chores import to_the_end


@asynccontextmanager
async def open_container(
    engine: Engine, recipe: HarborRecipe, *, outside: Outside | None = None
) -> AsyncIterator[HarborContainer]:
    """Yield a container of a task once it is healthy; remove it afterwards.

    Args:
        outside: connection to allowed hosts; None uses this machine's network.

    Raises:
        UsageError: its health check fails.
        BackendMissing: the engine has no image of sandboxes, which a network limited to hosts needs.
        ContainerEnded: it doesn't start, or ends by itself.
        SandboxBroken: the engine failed.
    """
    most_bytes = MAX_BYTES if recipe.storage_mb is None else recipe.storage_mb << 20
    async with AsyncExitStack() as opened:

        def watch(started: HarborContainer) -> None:
            opened.push_async_callback(_cancel, asyncio.create_task(watch_disk(started, most_bytes)))

        if recipe.project is None:
            container = await opened.enter_async_context(_container(engine, recipe))
            await container.create()
            await container.start()
            watch(container)
        else:
            container = await opened.enter_async_context(_project(engine, recipe, recipe.project, watch))
        if recipe.network == "allowlist" and recipe.hosts:
            await opened.enter_async_context(limited_network(container, outside))
        if recipe.healthcheck is not None:
            await wait_until_healthy(container.run, recipe.healthcheck)
        yield container


@asynccontextmanager
async def _container(
    engine: Engine, recipe: HarborRecipe, wiring: Wiring | None = None
) -> AsyncIterator[HarborContainer]:
    container = HarborContainer(engine, recipe, f"coder-harbor-{secrets.token_hex(6)}", wiring)
    try:
        yield container
    finally:
        await to_the_end(container.remove())


@asynccontextmanager
async def _project(
    engine: Engine, recipe: HarborRecipe, project: Project, watch: Callable[[HarborContainer], None]
) -> AsyncIterator[HarborContainer]:
    """Start all services of a project, watch each from its start, and yield the main one."""
    services = project.compose.services
    async with AsyncExitStack() as opened:
        wirings = await opened.enter_async_context(project_wiring(engine, project.compose, recipe.network))
        containers = {
            name: await opened.enter_async_context(
                _container(
                    engine,
                    recipe if name == MAIN_SERVICE else service_recipe(name, service, recipe),
                    wirings[name],
                )
            )
            for name, service in services.items()
        }
        await start_services(project.compose, containers, watch)
        main = containers.pop(MAIN_SERVICE)
        main.services = containers
        yield main


async def _cancel(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])
