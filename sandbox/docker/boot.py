"""The configuration of a container, and the settings of its agent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.docker.engine import BY_SOCKET
from sandbox.inner.walls.places import SHOWN
from sandbox.policy import Policy
from sandbox.stream.booting import BOOT, CODE, SHARED, TEMPORARY, WORKSPACE, agent_settings
from sandbox.stream.place import OWN_PROCESSES

if TYPE_CHECKING:
    from docker import APIClient
    from docker.types import Mount, Ulimit

UID = 65_534
OWN_MB = 48
"""Memory for the agent's processes, in MiB."""
FEWEST_PROCESSES = 16
"""Lowest limit of a container: with less, the engine may fail to start a run. A run's may be lower."""
_SHARED_PART = 4
"""The size of /dev/shm is the memory limit divided by this."""
_SMALL_FILES = 4096
_CAPABILITIES = ("CHOWN", "KILL", "SETGID", "SETPCAP", "SETUID")
"""Capabilities of the agent: to end programs, set their uid and group, and drop their capabilities. CHOWN is
dropped once programs own their folders: podman has no option for the owner of a tmpfs."""


@dataclass(frozen=True, slots=True)
class ContainerRecipe:
    """Parameters of a sandbox's containers."""

    policy: Policy
    image: str
    """Id of the image."""
    volumes: tuple[str, ...]
    """Folders that the image declares as volumes; they get no disk space."""
    labels: Mapping[str, str]
    without: frozenset[str]
    landlock: int
    counts_files: bool
    """Whether the engine bounds the files of a tmpfs: podman doesn't."""

    @property
    def disk_bytes(self) -> int:
        """Bytes of the workspace."""
        return self.policy.disk_mb << 20

    @property
    def rooms(self) -> dict[str, tuple[int | None, int | None]]:
        """Limits of bytes and files by folder; None for no limit."""
        size = None if "disk" in self.without else self.disk_bytes
        files = None if "files" in self.without or not self.counts_files else self.policy.files
        shared = (self.policy.memory_mb << 20) // _SHARED_PART
        return {
            WORKSPACE: (size, files),
            TEMPORARY: (size, files),
            SHARED: (shared, _SMALL_FILES if self.counts_files else None),
        }

    @property
    def processes(self) -> int:
        """Process limit of the container: the policy's, plus the agent's own processes."""
        return max(self.policy.processes + OWN_PROCESSES, FEWEST_PROCESSES)


def create(api: "APIClient", recipe: ContainerRecipe, name: str) -> None:
    """Create a container without starting it."""
    from docker.types import LogConfig

    policy, without = recipe.policy, recipe.without
    limit_options: dict[str, Any] = {}
    if "memory" not in without:
        limit_options |= {"mem_limit": memory(policy.memory_mb), "memswap_limit": memory(policy.memory_mb)}
    if "processes" not in without:
        limit_options["pids_limit"] = recipe.processes
    if policy.cpus is not None:
        limit_options["nano_cpus"] = int(policy.cpus * 1e9)
    if policy.runtime is not None:
        limit_options["runtime"] = policy.runtime
    if "capabilities" not in without:
        limit_options |= {"cap_drop": ["ALL"], "cap_add": list(_CAPABILITIES)}
    if "no_new_privs" not in without:
        limit_options["security_opt"] = ["no-new-privileges:true"]
    host_config = api.create_host_config(
        network_mode="host" if "network" in without else "none",
        read_only="read-only" not in without,
        ipc_mode="private",
        auto_remove=True,
        log_config=LogConfig(type="none"),
        tmpfs=_tmpfs(recipe),
        mounts=_attached(recipe) if api.base_url.startswith(BY_SOCKET) else [],
        ulimits=_ulimits(policy),
        **limit_options,
    )
    api.create_container(
        recipe.image,
        name=name,
        entrypoint=["python3", "-I", "-S", "-c", BOOT],
        command=[],
        user="0:0",
        working_dir="/",
        hostname="sandbox",
        domainname="",
        stdin_open=True,  # for one client: at the end of ours the container's input ends
        healthcheck={"test": ["NONE"]},
        # The runtime makes the namespace, with loopback: the engine would start two programs to make it.
        network_disabled="network" not in without,
        labels=dict(recipe.labels),
        host_config=host_config,
        use_config_proxy=False,  # a proxy's password must not reach programs
    )


def memory(megabytes: int, kept_bytes: int = 0) -> int:
    """Return a container's memory limit in bytes: a run's limit, pid 1 and its folders' current content."""
    return ((megabytes + OWN_MB) << 20) + kept_bytes


def settings_of(recipe: ContainerRecipe) -> dict[str, Any]:
    """Return the settings of a container's agent."""
    uid = None if "uid" in recipe.without else UID
    return agent_settings(recipe.policy, uid=uid, without=recipe.without, landlock=recipe.landlock)


def _tmpfs(recipe: ContainerRecipe) -> dict[str, str]:
    mounts = {CODE: "rw,nosuid,nodev,noexec,mode=755,size=16m"}
    for folder, (size, files) in recipe.rooms.items():
        options = ["rw", "nosuid", "nodev"]
        options += ["mode=700" if folder == WORKSPACE else "mode=1777"]
        options += ["noexec" if folder == SHARED else "exec"]
        options += [f"size={size}"] if size is not None else []
        options += [f"nr_inodes={files}"] if files is not None else []
        mounts[folder] = ",".join(options)
    return {**dict.fromkeys(recipe.volumes, "ro,nosuid,nodev,noexec,size=4k"), **mounts}


def _attached(recipe: ContainerRecipe) -> "list[Mount]":
    """Return mounts of folders at the top of the workspace; the engine would own parents of deeper ones."""
    from docker.types import Mount

    policy, mounts = recipe.policy, []
    places = {f"{WORKSPACE}/{place}": each for place, each in policy.folders.items() if "/" not in place}
    places |= {f"{SHOWN}/{name}": each for name, each in policy.beside.items()}
    for place, folder in places.items():
        mount = Mount(place, str(folder), type="bind", read_only=True)
        mount["BindOptions"] = {"NonRecursive": True}
        mounts.append(mount)
    return mounts


def _ulimits(policy: Policy) -> "list[Ulimit]":
    from docker.types import Ulimit

    values = {
        "core": 0,
        "nofile": max(policy.open_files, 64),
        "memlock": 64 << 10,
        "msgqueue": 819_200,
    }
    return [Ulimit(name=name, soft=value, hard=value) for name, value in values.items()]
