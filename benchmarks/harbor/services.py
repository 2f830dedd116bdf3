"""Start the services of a task in the order of their dependencies, and wait until they are ready."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.harbor.compose.model import ComposeFile, Service
from benchmarks.harbor.container import ContainerEnded, HarborContainer
from benchmarks.harbor.recipe import HarborRecipe
from benchmarks.harbor.schema import MAIN_SERVICE
from benchmarks.harbor.verifier import put_files
from coder.base.text.sanitize import printable
from sandbox.docker.polling import poll

_READY_S, _LOOK_S = 600.0, 0.1
_KEPT_LINES = 5
_MIB = 1 << 20


def service_recipe(name: str, service: Service, main: HarborRecipe) -> HarborRecipe:
    """Return the recipe of the container of a service other than `main`."""
    assert main.project is not None
    return HarborRecipe(
        image=main.project.images[name],
        network=main.network,
        environment=environment_of(service),
        user=service.user,
        workdir=service.working_dir,
        storage_mb=main.storage_mb,
        service=service,
        **limits_of(service, cpus=main.cpus, memory_mb=main.memory_mb),
    )


def environment_of(service: Service) -> dict[str, str]:
    """Return a service's variables with values; Compose would take values of the others from this process."""
    return {name: text for name, text in service.environment.items() if text is not None}


def limits_of(service: Service, *, cpus: float | None, memory_mb: int | None) -> dict[str, Any]:
    """Return the limits of a service: its own or those of the task's environment, whichever is lower."""
    own = service.limits
    own_mb = None if own.memory is None else max(1, own.memory // _MIB)
    return {
        "cpus": min(filter(None, (own.cpus, cpus)), default=None),
        "memory_mb": min(filter(None, (own_mb, memory_mb)), default=None),
        "processes": min(filter(None, (own.pids, HarborRecipe.model_fields["processes"].default))),
    }


async def start_services(
    compose: ComposeFile, containers: Mapping[str, HarborContainer], watch: Callable[[HarborContainer], None]
) -> None:
    """Start all containers, and return once those with a health check are healthy.

    Args:
        watch: function that is called with each container after its start.

    Raises:
        ContainerEnded: a container doesn't start, fails, or stays unhealthy, which is the task's fault.
        SandboxBroken: the engine failed.
    """
    for name in compose.order():
        service = compose.services[name]
        for other, dependency in service.depends_on.items():
            if dependency.condition == "service_healthy":
                await _wait_until_ready(other, containers[other], needs_check=True)
            elif dependency.condition == "service_completed_successfully":
                await _wait_until_ready(other, containers[other], is_completed=True)
        await containers[name].create()
        for mount in service.volumes:
            if mount.type == "bind":
                await put_files(containers[name], Path(mount.source or ""), mount.target)
        await containers[name].start()
        watch(containers[name])
    for name, container in containers.items():
        await _wait_until_ready(name, container)


async def _wait_until_ready(
    name: str, container: HarborContainer, *, needs_check: bool = False, is_completed: bool = False
) -> None:
    async def look() -> dict[str, Any]:
        state = await container.engine.ask(
            "look at a service", lambda api: dict(api.inspect_container(container.name)["State"])
        )
        assert state is not None
        return state

    def is_decided(state: dict[str, Any]) -> bool:
        if not state["Running"]:
            return True
        health = (state.get("Health") or {}).get("Status")
        return not is_completed and health != "starting"

    state = await poll(look, is_decided, every_s=_LOOK_S, times=int(_READY_S / _LOOK_S))
    health = ((state or {}).get("Health") or {}).get("Status")
    if state is None:
        reason = f"isn't ready after {_READY_S:g} s"
    elif not state["Running"]:
        if state["ExitCode"] == 0 and not needs_check and name != MAIN_SERVICE:
            return
        reason = f"ended with exit code {state['ExitCode']}"
    elif health == "unhealthy":
        reason = "is unhealthy by its own health check"
    elif needs_check and health is None:
        reason = "has no health check, and another service waits for one"
    else:
        return
    raise ContainerEnded(f"The service {name} of the task {reason}.{await _end_of_log(container)}")


async def _end_of_log(container: HarborContainer) -> str:
    log = await container.engine.ask(
        "read a service's log", lambda api: api.logs(container.name, tail=_KEPT_LINES), missing_ok=True
    )
    text = printable((log or b"").decode(errors="replace")).strip()
    return f" Its last output:\n{text}" if text else ""
