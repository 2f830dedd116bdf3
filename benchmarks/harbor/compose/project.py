"""Create and remove the networks and volumes of a task's services."""

import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.harbor.allowed_hosts import NetworkMode
from benchmarks.harbor.compose.model import ComposeFile, Service, is_closed
from benchmarks.harbor.compose.options import Wiring
from sandbox.docker.engine import Engine
from sandbox.docker.labels import labels
from sandbox.errors import SandboxBroken
from sandbox.stream.chores import to_the_end

if TYPE_CHECKING:
    from docker import APIClient

_WITHOUT_ADDRESS = {"com.docker.network.bridge.inhibit_ipv4": "true"}
"""Network option that gives this machine no address in it, so that services can't reach the machine."""


@asynccontextmanager
async def project_wiring(
    engine: Engine, compose: ComposeFile, mode: NetworkMode
) -> AsyncIterator[dict[str, Wiring]]:
    """Create a project's networks and volumes while the context is open; yield wirings by service name.

    Raises SandboxBroken.
    """
    prefix = f"coder-harbor-{secrets.token_hex(6)}"
    networks = {name: f"{prefix}-{name}" for name in compose.networks}
    volumes = {name: f"{prefix}-{name}" for name in compose.volumes}
    closed = {name: is_closed(network, mode) for name, network in compose.networks.items()}

    def make(api: "APIClient") -> None:
        for name, network in networks.items():
            api.create_network(
                network,
                driver="bridge",
                internal=closed[name],
                options=_WITHOUT_ADDRESS if closed[name] else None,
                labels=labels(),
            )
        for volume in volumes.values():
            api.create_volume(volume, driver="local", labels=labels())

    try:
        await engine.ask("make a task's networks and volumes", make)
        yield {
            name: _wiring(name, service, networks, volumes, closed)
            for name, service in compose.services.items()
        }
    finally:
        await to_the_end(_remove(engine, [*networks.values()], [*volumes.values()]))


def _wiring(
    name: str,
    service: Service,
    networks: Mapping[str, str],
    volumes: Mapping[str, str],
    closed: Mapping[str, bool],
) -> Wiring:
    names = {
        networks[network]: tuple(
            dict.fromkeys(
                filter(None, (name, service.container_name, *(attachment.aliases if attachment else ())))
            )
        )
        for network, attachment in service.networks.items()
    }
    return Wiring(
        networks=names,
        volumes=dict(volumes),
        is_closed=all(closed[network] for network in service.networks),
    )


async def _remove(engine: Engine, networks: Sequence[str], volumes: Sequence[str]) -> None:
    for name in networks:
        with suppress(SandboxBroken):
            await engine.ask("remove a network", partial(_remove_network, name=name), missing_ok=True)
    for name in volumes:
        with suppress(SandboxBroken):
            await engine.ask("remove a volume", partial(_remove_volume, name=name), missing_ok=True)


def _remove_network(api: "APIClient", name: str) -> None:
    api.remove_network(name)


def _remove_volume(api: "APIClient", name: str) -> None:
    api.remove_volume(name)
