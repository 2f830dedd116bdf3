"""Say what a container of a Harbor task is made of, and create it on the engine."""

from typing import TYPE_CHECKING

from pydantic import Field

from benchmarks.harbor.allowed_hosts import NetworkMode
from benchmarks.harbor.environment_table import HealthcheckTable
from sandbox.docker.labels import CREATED, labels
from sandbox.host.capabilities import proxy_variables
from sandbox.result import Value
from sandbox.stream.booting import CODE

if TYPE_CHECKING:
    from docker import APIClient


class HarborRecipe(Value):
    """What a task's container is made of."""

    image: str
    network: NetworkMode = "public"
    hosts: tuple[str, ...] = ()
    """Hosts of the mode `allowlist`, which has loopback and a proxy to them."""
    environment: dict[str, str] = Field(default_factory=dict)
    user: str | None = None
    """User of programs; None for the image's."""
    workdir: str | None = None
    """Work folder; None for the image's."""
    cpus: float | None = None
    memory_mb: int | None = None
    storage_mb: int | None = None
    """Limit of what programs write; None for a usual one."""
    processes: int | None = 4096
    healthcheck: HealthcheckTable | None = None
    """Says when the container is ready for programs."""
    has_agent: bool = False
    """Whether our agent acts in it: its code lies in memory, at a folder that is no change of the task's."""


def create(api: "APIClient", recipe: HarborRecipe, name: str) -> None:
    """Create a container whose program only waits."""
    memory = None if recipe.memory_mb is None else recipe.memory_mb << 20
    host_config = api.create_host_config(
        network_mode="default" if recipe.network == "public" else "none",
        mem_limit=memory,
        memswap_limit=memory,
        nano_cpus=None if recipe.cpus is None else int(recipe.cpus * 1e9),
        pids_limit=recipe.processes,
        tmpfs={CODE: "rw,nosuid,nodev,noexec,mode=1777,size=16m"} if recipe.has_agent else None,
    )
    api.create_container(
        recipe.image,
        ["sh", "-c", "while :; do sleep 3600; done"],
        name=name,
        environment={**(proxy_variables() if recipe.hosts else {}), **recipe.environment},
        user=recipe.user,
        working_dir=recipe.workdir,
        # Without a time: while it is stopped and read, nobody takes it for one never started.
        labels={name: value for name, value in labels().items() if name != CREATED},
        host_config=host_config,
        use_config_proxy=False,
    )
