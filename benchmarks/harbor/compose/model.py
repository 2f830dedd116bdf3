"""Allow-list of keys and values of a task's `docker-compose.yaml`.

The models validate what `docker compose config --format json` prints, in which short forms are written out.
Other keys are refused: a task's file is untrusted, and access to the engine is equivalent to root.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from benchmarks.harbor.allowed_hosts import NetworkMode
from benchmarks.harbor.compose.values import MAX_TMPFS, Capability, Duration, Nothing, Target, TmpfsEntry
from benchmarks.harbor.schema import MAIN_SERVICE
from sandbox.result import Value

MOST_SERVICES = 16
MOST_PLACES = 16
"""Maximum number of networks, and of volumes: an engine has addresses for about thirty networks."""


class BuildOptions(Value):
    """Build options of a service's image."""

    context: str
    dockerfile: str = "Dockerfile"
    args: dict[str, str | None] = Field(default_factory=dict)
    target: str | None = None


class HealthCheck(Value):
    """Health check of Compose; missing fields come from the image, or are Docker's defaults."""

    test: tuple[str, ...] = ()
    interval: Duration | None = None
    timeout: Duration | None = None
    start_period: Duration | None = None
    start_interval: Duration | None = None
    retries: Annotated[int, Field(ge=0, le=1000)] | None = None
    disable: bool = False


class Dependency(Value):
    """Dependency that a service waits for before it starts."""

    condition: Literal["service_started", "service_healthy", "service_completed_successfully"]
    required: Literal[True] = True


class Attachment(Value):
    """Attachment of a service to a network."""

    aliases: tuple[str, ...] = ()


class _BindOptions(Value):
    create_host_path: bool = True


class _VolumeOptions(Value):
    nocopy: bool = False


class _TmpfsOptions(Value):
    size: Annotated[int, Field(ge=0, le=MAX_TMPFS)] | None = None
    mode: int | None = None


class Mount(Value):
    """Mount of a service: a volume of the project, memory, or a copy of the task's own files."""

    type: Literal["volume", "tmpfs", "bind"]
    target: Target
    source: str | None = None
    """Name of a volume, or path of files; None for an anonymous volume."""
    read_only: bool = False
    bind: _BindOptions | None = None
    volume: _VolumeOptions | None = None
    tmpfs: _TmpfsOptions | None = None


class _Limits(Value):
    cpus: Annotated[float, Field(gt=0)] | None = None
    memory: Annotated[int, Field(gt=0)] | None = None
    pids: Annotated[int, Field(gt=0)] | None = None


class _Resources(Value):
    limits: _Limits = _Limits()
    reservations: _Limits = _Limits()


class _Deploy(Value):
    resources: _Resources = _Resources()
    placement: Nothing = None
    replicas: Literal[1] = 1
    mode: Literal["replicated"] = "replicated"


class Service(Value):
    """Service of the project, which runs in one container."""

    image: str | None = None
    build: BuildOptions | None = None
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    environment: dict[str, str | None] = Field(default_factory=dict)
    user: str | None = None
    working_dir: str | None = None
    hostname: str | None = None
    container_name: str | None = None
    """Another name in the project's networks: containers are named by us."""
    depends_on: dict[str, Dependency] = Field(default_factory=dict)
    healthcheck: HealthCheck | None = None
    networks: dict[str, Attachment | None] = Field(default_factory=dict)
    network_mode: Literal["none"] | None = None
    volumes: tuple[Mount, ...] = ()
    tmpfs: tuple[TmpfsEntry, ...] = ()
    shm_size: Annotated[int, Field(gt=0, le=MAX_TMPFS)] | None = None
    init: bool = False
    tty: bool = False
    stdin_open: bool = False
    read_only: bool = False
    cap_add: tuple[Capability, ...] = ()
    cap_drop: tuple[str, ...] = ()
    stop_signal: str | None = None
    mem_limit: Annotated[int, Field(gt=0)] | None = None
    cpus: Annotated[float, Field(gt=0)] | None = None
    pids_limit: Annotated[int, Field(gt=0)] | None = None
    deploy: _Deploy = _Deploy()

    # Without effect here: what ends stays so, images are never pulled, and the labels are ours.
    expose: tuple[str, ...] = ()
    labels: dict[str, str] = Field(default_factory=dict)
    restart: str | None = None
    pull_policy: str | None = None
    platform: str | None = None
    privileged: Literal[False] = False
    scale: Literal[1] = 1
    stop_grace_period: Duration | None = None
    attach: bool = True

    @property
    def limits(self) -> _Limits:
        """Limits of the service, in cores, bytes and processes."""
        own = self.deploy.resources.limits
        return _Limits(
            cpus=self.cpus or own.cpus,
            memory=self.mem_limit or own.memory,
            pids=self.pids_limit or own.pids,
        )


class ProjectNetwork(Value):
    """Network of the project."""

    name: str = ""
    driver: Literal["bridge"] | None = None
    internal: bool = False
    ipam: Nothing = None
    labels: dict[str, str] = Field(default_factory=dict)


class Volume(Value):
    """Volume of the project."""

    name: str = ""
    driver: Literal["local"] | None = None
    labels: dict[str, str] = Field(default_factory=dict)


class ComposeFile(Value):
    """Content of a task's `docker-compose.yaml`."""

    name: str = ""
    services: Annotated[dict[str, Service], Field(max_length=MOST_SERVICES)]
    networks: dict[str, ProjectNetwork] = Field(default_factory=dict, max_length=MOST_PLACES)
    volumes: dict[str, Volume] = Field(default_factory=dict, max_length=MOST_PLACES)

    @model_validator(mode="after")
    def _check_names(self) -> "ComposeFile":
        if MAIN_SERVICE not in self.services:
            raise ValueError(f"there is no service {MAIN_SERVICE!r}, in which an agent works")
        return self

    def order(self) -> tuple[str, ...]:
        """Return the services, each after its dependencies. Raises ValueError if they depend in a circle."""
        done, pending = list[str](), dict(self.services)
        while pending:
            ready = [name for name, service in pending.items() if not pending.keys() & service.depends_on]
            if not ready:
                raise ValueError(f"these services depend on each other: {', '.join(sorted(pending))}")
            done += ready
            pending = {name: service for name, service in pending.items() if name not in ready}
        return tuple(done)


class Project(Value):
    """Services of a task, with the ids of their images by name."""

    compose: ComposeFile
    images: dict[str, str]


def is_closed(network: ProjectNetwork, mode: NetworkMode) -> bool:
    """Whether a network is isolated from the outside, as in all tasks without a public network."""
    return network.internal or mode != "public"
