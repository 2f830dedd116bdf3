"""Tables of `task.toml` that describe containers: image, limits, network, health and MCP servers."""

from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from benchmarks.harbor.allowed_hosts import NetworkMode, NetworkPolicy, normalize_host

_TOPOLOGY = r"^\s*[1-9]\d*(x[1-9]\d*)+\s*$"
_SIZES = {"G": 1024.0, "M": 1.0, "K": 1 / 1024}

Host = Annotated[str, AfterValidator(normalize_host)]
Seconds = Annotated[float, Field(gt=0, le=1e8)]
Interval = Annotated[float, Field(ge=0, le=1e8)]
Count = Annotated[int, Field(gt=0, le=1 << 32)]
"""Number or MiB that the engine's 64 bits hold, also in its own units."""
Cpus = Annotated[float, Field(gt=0, le=1 << 32, allow_inf_nan=False)]
"""Processors, also a part of one."""
User = str | int


class TomlTable(BaseModel):
    """Table of `task.toml`; unknown keys are kept apart from the fields."""

    model_config = ConfigDict(frozen=True, extra="allow")


def unknown_keys(table: TomlTable, place: str = "") -> Iterator[str]:
    """Yield the dotted name of each key that the schema doesn't know."""
    yield from (f"{place}{key}" for key in table.model_extra or ())
    for name in type(table).model_fields:
        value = getattr(table, name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, TomlTable):
                yield from unknown_keys(part, f"{place}{name}.")


class PhaseTable(TomlTable):
    """Common fields of `[agent]` and `[verifier]`: their network and user."""

    network_mode: NetworkMode | None = None
    allowed_hosts: tuple[Host, ...] | None = None
    user: User | None = None

    @property
    def network(self) -> NetworkPolicy | None:
        """Network policy of this phase; None if the environment's policy applies."""
        if self.network_mode is None:
            return None
        return NetworkPolicy(mode=self.network_mode, hosts=self.allowed_hosts or ())

    @model_validator(mode="after")
    def _check_network(self) -> Self:
        if self.network is None and self.allowed_hosts is not None:
            raise ValueError("allowed_hosts needs network_mode = 'allowlist'")
        return self


class HealthcheckTable(TomlTable):
    """Command that tells when an environment is ready, with the fields of Docker's HEALTHCHECK."""

    command: str
    interval_sec: Interval = 5.0
    timeout_sec: Seconds = 30.0
    start_period_sec: Interval = 0.0
    start_interval_sec: Interval = 5.0
    retries: int = 3


class TpuTable(TomlTable):
    """A slice of a TPU."""

    type: Annotated[str, Field(min_length=1)]
    topology: Annotated[str, Field(pattern=_TOPOLOGY), AfterValidator(str.strip)]


class McpServerTable(TomlTable):
    """MCP server for the agent."""

    name: str
    transport: Annotated[
        Literal["stdio", "sse", "streamable-http"],
        BeforeValidator(lambda value: "streamable-http" if value == "http" else value),
    ] = "sse"
    url: str | None = None
    command: str | None = None
    args: tuple[str, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _check_transport(self) -> Self:
        needed = "command" if self.transport == "stdio" else "url"
        if not getattr(self, needed):
            raise ValueError(f"the transport {self.transport} needs {needed!r}")
        return self


def _size_in_mb(value: str) -> int:
    """Convert a deprecated size such as `2G`. Raises ValueError."""
    text = value.strip().upper()
    if text[-1:] not in _SIZES:
        raise ValueError(f"{value!r} is no size such as 1G or 512M")
    try:
        return int(float(text[:-1]) * _SIZES[text[-1]])
    except OverflowError as cause:
        raise ValueError(f"{value!r} is no size") from cause


class EnvironmentTable(TomlTable):
    """`[environment]` and `[verifier.environment]`: image, limits and network of a container."""

    build_timeout_sec: Seconds = 600.0
    docker_image: str | None = None
    os: Annotated[
        Literal["linux", "windows"],
        BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    ] = "linux"
    cpus: Cpus | None = None
    memory_mb: Count | None = None
    storage_mb: Count | None = None
    gpus: Annotated[int, Field(ge=0)] | None = None
    gpu_types: tuple[str, ...] | None = None
    tpu: TpuTable | None = None
    mcp_servers: tuple[McpServerTable, ...] = ()
    env: dict[str, str] = Field(default_factory=dict)
    """Variables; `${NAME}` and `${NAME:-default}` stand for variables of the host."""
    skills_dir: str | None = None
    healthcheck: HealthcheckTable | None = None
    workdir: str | None = None
    network_mode: NetworkMode | None = None
    allowed_hosts: tuple[Host, ...] | None = None
    allow_internet: bool | None = None
    """Deprecated: `network_mode` replaces and overrides it."""

    @property
    def network(self) -> NetworkPolicy:
        """Network policy of the environment."""
        is_closed = self.allow_internet is False and self.allowed_hosts is None
        mode = self.network_mode or ("no-network" if is_closed else "public")
        return NetworkPolicy(mode=mode, hosts=self.allowed_hosts or ())

    @model_validator(mode="before")
    @classmethod
    def _convert_sizes(cls, table: object) -> object:
        if not isinstance(table, dict):
            return table
        table = dict(table)
        for name in ("memory", "storage"):
            if isinstance(size := table.pop(name, None), str):
                megabytes = _size_in_mb(size)
                if table.setdefault(f"{name}_mb", megabytes) != megabytes:
                    raise ValueError(f"{name} = {size!r} contradicts {name}_mb = {table[f'{name}_mb']!r}")
        return table

    @model_validator(mode="after")
    def _check_network(self) -> Self:
        assert self.network  # the policy refuses hosts that no mode asks for
        return self
