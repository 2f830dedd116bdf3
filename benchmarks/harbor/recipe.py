"""Define the settings of a Harbor task's container, and create it on the engine."""

from typing import TYPE_CHECKING, Any

from pydantic import Field

from benchmarks.harbor.allowed_hosts import NetworkMode
from benchmarks.harbor.compose.model import Project, Service
from benchmarks.harbor.compose.options import Wiring, container_options, host_options
from benchmarks.harbor.compose.reading import WAITS
from benchmarks.harbor.environment_table import HealthcheckTable
from sandbox.docker.labels import CREATED, labels
from sandbox.host.capabilities import proxy_variables
from sandbox.result import Value
from sandbox.stream.booting import CODE

if TYPE_CHECKING:
    from docker import APIClient

_CODE_OPTIONS = "rw,nosuid,nodev,noexec,mode=1777,size=16m"


class HarborRecipe(Value):
    """Image, network, limits and other settings of a task's container."""

    image: str
    network: NetworkMode = "public"
    hosts: tuple[str, ...] = ()
    """Allowed hosts in the mode `allowlist`, which has only loopback and a proxy to these hosts."""
    environment: dict[str, str] = Field(default_factory=dict)
    user: str | None = None
    """User of programs; None for the image's."""
    workdir: str | None = None
    """Work folder; None for the image's."""
    cpus: float | None = None
    memory_mb: int | None = None
    storage_mb: int | None = None
    """Limit of the data that programs write; None for the default limit."""
    processes: int | None = 4096
    healthcheck: HealthcheckTable | None = None
    """Health check that tells when the container is ready for programs."""
    service: Service | None = None
    """Service of the task's Compose file that this container runs, if there is one."""
    project: Project | None = None
    """All services, of which this container is `main`."""
    has_agent: bool = False
    """Whether our agent runs in it: its code is in a folder in memory, which doesn't count as a change."""


def create(api: "APIClient", recipe: HarborRecipe, name: str, wiring: Wiring | None = None) -> None:
    """Create a container; its program only waits, unless the task's Compose file says otherwise.

    Args:
        wiring: networks and volumes of a project's service.
    """
    memory = None if recipe.memory_mb is None else recipe.memory_mb << 20
    usual = {
        "network_mode": "default" if recipe.network == "public" else "none",
        "mem_limit": memory,
        "memswap_limit": memory,
        "nano_cpus": None if recipe.cpus is None else int(recipe.cpus * 1e9),
        "pids_limit": recipe.processes,
    }
    own: dict[str, Any] = {}
    options: dict[str, Any] = {"command": list(WAITS)}
    if recipe.service is not None and wiring is not None:
        own = host_options(recipe.service, wiring)
        options = container_options(api, recipe.service, wiring)
    tmpfs = {**own.pop("tmpfs", {}), **({CODE: _CODE_OPTIONS} if recipe.has_agent else {})}
    host_config = api.create_host_config(**{**usual, **own}, tmpfs=tmpfs or None)
    api.create_container(
        recipe.image,
        name=name,
        environment={**(proxy_variables() if recipe.hosts else {}), **recipe.environment},
        user=recipe.user,
        working_dir=recipe.workdir,
        # Without a time: while it is stopped and read, nobody takes it for one never started.
        labels={name: value for name, value in labels().items() if name != CREATED},
        host_config=host_config,
        use_config_proxy=False,
        **options,
    )
    if wiring is not None:
        for network in wiring.later_networks:
            api.connect_container_to_network(name, network, aliases=list(wiring.networks[network]))
