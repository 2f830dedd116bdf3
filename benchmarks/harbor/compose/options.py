"""Convert a service of a project to the engine's options for its container."""

from typing import TYPE_CHECKING, Any

from benchmarks.harbor.compose.model import HealthCheck, Mount, Service
from benchmarks.harbor.compose.values import MAX_TMPFS
from sandbox.result import Value

if TYPE_CHECKING:
    from docker import APIClient

_NANOSECONDS = 1_000_000_000
_LOG_BYTES = "1m"
_NOWHERE = "127.0.0.1"
"""DNS server of a closed network, where only the engine resolves names, those of services."""


class Wiring(Value):
    """Networks and volumes that connect a service to the others of its project."""

    networks: dict[str, tuple[str, ...]]
    """Names of the service by network."""
    volumes: dict[str, str]
    """Volumes on the engine by their name in the file."""
    is_closed: bool
    """Whether all networks of the service are isolated from the outside."""

    @property
    def later_networks(self) -> tuple[str, ...]:
        """Networks that a container joins after its creation, which joins the first one."""
        return tuple(self.networks)[1:]


def host_options(service: Service, wiring: Wiring) -> dict[str, Any]:
    """Return the options of the host for a service's container: network, mounts, capabilities."""
    first = next(iter(wiring.networks), "none")
    return {
        "network_mode": first,
        "dns": [_NOWHERE] if wiring.is_closed and wiring.networks else None,
        "mounts": [_mount(mount, wiring) for mount in service.volumes if mount.type == "volume"] or None,
        "tmpfs": _tmpfs(service),
        "shm_size": service.shm_size,
        "init": service.init or None,
        "read_only": service.read_only,
        "cap_add": list(service.cap_add) or None,
        "cap_drop": list(service.cap_drop) or None,
        "log_config": {"type": "json-file", "config": {"max-size": _LOG_BYTES}},
    }


def container_options(api: "APIClient", service: Service, wiring: Wiring) -> dict[str, Any]:
    """Return the options of a service's container: what it runs, and its first network."""
    options: dict[str, Any] = {
        "command": None if service.command is None else list(service.command),
        "entrypoint": None if service.entrypoint is None else list(service.entrypoint),
        "hostname": service.hostname,
        "tty": service.tty,
        "stdin_open": service.stdin_open,
        "stop_signal": service.stop_signal,
        "healthcheck": None if service.healthcheck is None else _healthcheck(service.healthcheck),
    }
    for network, names in list(wiring.networks.items())[:1]:
        options["networking_config"] = {
            "EndpointsConfig": {network: api.create_endpoint_config(aliases=list(names))}
        }
    return options


def _mount(mount: Mount, wiring: Wiring) -> dict[str, Any]:
    is_copied = mount.volume is None or not mount.volume.nocopy
    return {
        "Type": "volume",
        "Source": wiring.volumes[mount.source] if mount.source is not None else "",
        "Target": mount.target,
        "ReadOnly": mount.read_only,
        "VolumeOptions": {"NoCopy": not is_copied},
    }


def _tmpfs(service: Service) -> dict[str, str]:
    options_by_path = dict(entry.partition(":")[::2] for entry in service.tmpfs)
    for path, options in options_by_path.items():
        if "size=" not in options:
            options_by_path[path] = ",".join(filter(None, (options, f"size={MAX_TMPFS}")))
    for mount in service.volumes:
        if mount.type == "tmpfs":
            size = mount.tmpfs.size if mount.tmpfs is not None else None
            options_by_path[mount.target] = f"size={size or MAX_TMPFS}"
    return options_by_path


def _healthcheck(check: HealthCheck) -> dict[str, Any]:
    if check.disable:
        return {"test": ["NONE"]}
    times = {
        "interval": check.interval,
        "timeout": check.timeout,
        "start_period": check.start_period,
    }
    options: dict[str, Any] = {
        name: int(seconds * _NANOSECONDS) for name, seconds in times.items() if seconds is not None
    }
    if check.test:
        options["test"] = list(check.test)
    if check.retries is not None:
        options["retries"] = check.retries
    return options
