"""What a sandbox on this machine is made of, and which mechanism keeps each guarantee here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox.contract import Capability
from sandbox.errors import PolicyUnmet
from sandbox.policy import Policy

if TYPE_CHECKING:
    from sandbox.host.disk_watch import DiskBounds
    from sandbox.network.proxy import Network

_DEVICES = ", devices mounted read-only"
"""So that no program sets the times of the machine's own."""
LAYER_FROM = 5_000
"""Files. A look at so many takes 25 ms."""


@dataclass(frozen=True, slots=True)
class Build:
    """As the function that opens it has found it."""

    backend: str
    """The name that opens this kind."""
    capabilities: tuple[Capability, ...]
    environment: Mapping[str, str]
    """What every program finds in its environment."""
    without: frozenset[str] = frozenset()
    """Mechanisms that it doesn't have, by name."""
    disk: "DiskBounds | None" = None
    fresh_disk: "DiskBounds | None" = None
    """What has to be looked at while programs run; None where file systems keep all of it."""
    namespaces: bool = True
    """Each run has its own, which end with it."""
    on_disk: bool = False
    """Workspaces are folders of the machine's: a fresh one is emptied at its end."""
    sessions: bool = False
    """A run has a pid 1 of its own, which can be the agent of a session."""
    network: "Network | None" = None
    """What its programs may reach; None is nothing."""
    layer_from: int | None = None
    """Files of a workspace that gets a layer over it for sessions; None where there are no layers."""


def require_kept(policy: Policy, capabilities: Sequence[Capability]) -> None:
    """See that a strict policy has every guarantee enforced here.

    Raises:
        PolicyUnmet: nothing keeps one of them, or it is only sampled.
    """
    if not policy.strict:
        return
    unkept = [item.guarantee for item in capabilities if item.kept == "none"]
    sampled = [item.guarantee for item in capabilities if item.kept == "sampled"]
    said = [f"nothing on this machine keeps the limits on {', '.join(unkept)}"] if unkept else []
    said += [f"{', '.join(sampled)} can only be sampled here"] if sampled else []
    if said:
        raise PolicyUnmet(f"The policy is strict, and {'; '.join(said)}. Open it without `strict`.")


def capabilities_of(*, cgroup_version: int | None, landlock: int, own_uid: bool) -> Sequence[Capability]:
    """The guarantees of the bubblewrap backend with what keeps each here.

    Args:
        cgroup_version: 1 or 2 where groups can be made, else None.
        landlock: the ABI in use, 0 for none.
        own_uid: the sandbox has a uid that nothing else on the machine has.
    """
    cgroup = f"cgroup v{cgroup_version}" if cgroup_version else None
    second = f" and Landlock (ABI {landlock})" if landlock >= 2 else ""
    kept = {
        "memory": cgroup
        or "RLIMIT_DATA per process, memfd refused, the run's total, sockets too, sampled every 20 ms",
        "processes": f"RLIMIT_NPROC per run{f' and {cgroup}' if cgroup else ''}",
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "the host ends the run's pid namespace",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "tmpfs with a size",
        "files": "tmpfs with a number of inodes",
        "network": "a network namespace per run without any route",
        "host files": f"mount namespace of bubblewrap{second}",
        "environment": "empty environment at the server's start",
        "other runs": f"user, pid, mount, ipc, net, uts and cgroup namespaces per run{second}{_DEVICES}",
        "nothing left": "the run's pid namespace ends with it; a keeper ends the sandbox with its owner",
        "privileges": "no capabilities, no_new_privs, "
        + ("a uid of its own" if own_uid else "the uid of the caller"),
        "system calls": "seccomp allow-list",
    }
    return tuple(
        Capability(guarantee=guarantee, mechanism=mechanism, sampled=guarantee == "memory" and cgroup is None)
        for guarantee, mechanism in kept.items()
    )


def with_hosts(
    capabilities: Sequence[Capability], hosts: Literal["none"] | tuple[str, ...], *, asks: bool = False
) -> tuple[Capability, ...]:
    """The same, where programs may reach some hosts: what keeps them from all others."""
    named = [*(() if hosts == "none" else hosts), *(["hosts that the caller is asked about"] if asks else [])]
    if not named:
        return tuple(capabilities)
    proxy = f"; a proxy of the host's to public addresses of {', '.join(named)}"
    return tuple(
        item.model_copy(
            update={"mechanism": f"{item.mechanism}{proxy if item.guarantee == 'network' else ''}"}
        )
        for item in capabilities
    )


def capabilities_of_one_wall(two: Sequence[Capability], *, own_uid: bool) -> tuple[Capability, ...]:
    """The same guarantees where every run has a bubblewrap of its own and no wall inside.

    Args:
        two: what keeps them where there are two walls.
        own_uid: root started it, and mounts workspaces with a size and a number of files.
    """
    disk = (
        "tmpfs with a size" if own_uid else "tmpfs with a size; the workspace that lasts is a folder, sampled"
    )
    files = "tmpfs with a number of inodes" if own_uid else "sampled every 50 ms"
    other = {
        "disk": Capability(guarantee="disk", mechanism=disk, sampled=not own_uid),
        "files": Capability(guarantee="files", mechanism=files, sampled=not own_uid),
        "network": Capability(
            guarantee="network", mechanism="a network namespace per run with loopback only"
        ),
        "nothing left": Capability(
            guarantee="nothing left",
            mechanism="the pid namespace of the run's own bubblewrap; a keeper ends all with its owner",
        ),
    }
    found = {item.guarantee: item.mechanism or "" for item in two}
    paths = "" if own_uid else "; the mount table shows where the interpreter and the workspace are"
    apart = found["other runs"] if own_uid else found["other runs"].removesuffix(_DEVICES)
    runs = f"a bubblewrap per run, as it may make none inside; {apart}"
    other["host files"] = Capability(guarantee="host files", mechanism=f"{found['host files']}{paths}")
    other["other runs"] = Capability(guarantee="other runs", mechanism=runs)
    return tuple(other.get(item.guarantee, item) for item in two)


def with_processors(
    capabilities: Sequence[Capability], cpus: float | None, *, counted: bool
) -> tuple[Capability, ...]:
    """The same, and what keeps a program to some processors, where the policy asks for that.

    Args:
        capabilities: the other guarantees.
        cpus: what the policy says.
        counted: a cgroup counts their time; without one nothing keeps a program from asking for all again.
    """
    if cpus is None:
        return tuple(capabilities)
    mechanism = "a quota of the run's cgroup" if counted else None
    return (*capabilities, Capability(guarantee="processors", mechanism=mechanism))
