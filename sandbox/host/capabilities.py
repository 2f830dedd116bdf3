"""How a sandbox on this machine is built, and which mechanism enforces each guarantee."""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.errors import PolicyUnmet
from sandbox.host.disk_watch import DiskBounds
from sandbox.inner.walls.places import EGRESS
from sandbox.policy import OTHER_SANDBOXES, Capability, Policy

if TYPE_CHECKING:
    from sandbox.host.server import Server
    from sandbox.network.outside_lookup import Outside
    from sandbox.network.proxy import Network

_URL = "http://{}:{}".format(*EGRESS)
_DEVICES = ", devices mounted read-only"
_CLOSES_FILES = 3
"""First Landlock ABI that stops a program from emptying the files of its own user."""
_SCOPES = 6
"""First Landlock ABI that stops a program from signalling other processes of its uid."""
LAYER_FROM = 5_000
"""Usual number of files from which a workspace gets a layer; walking them takes 25 ms."""


@dataclass(frozen=True, slots=True)
class Build:
    """How a sandbox is built."""

    backend: str
    capabilities: tuple[Capability, ...]
    environment: Mapping[str, str]
    """Environment of every program."""
    without: frozenset[str] = frozenset()
    """Disabled mechanisms, by name."""
    disk: DiskBounds | None = None
    fresh_disk: DiskBounds | None = None
    """Bounds to sample while programs run; None if file systems enforce them."""
    namespaces: bool = True
    """Whether each run has its own namespaces."""
    on_disk: bool = False
    """Whether workspaces are folders of this machine; a fresh one is emptied at its end."""
    in_place: str = ""
    """Path of the caller's folder that is the workspace; empty if the sandbox creates one."""
    network: "Network | None" = None
    """Hosts that programs may reach; None for none."""
    layer_from: int | None = None
    """Number of files from which a workspace gets a layer for sessions; None for no layers."""


def require_kept(policy: Policy, capabilities: Sequence[Capability], *, works_in_place: bool = False) -> None:
    """Check that a backend keeps a policy.

    Raises:
        PolicyUnmet: the policy works in place but the backend doesn't, or the policy is strict and a
            guarantee isn't enforced here, or only sampled.
    """
    if policy.in_place is not None and not works_in_place:
        raise PolicyUnmet("This backend can't work in place; container can.")
    if not policy.strict:
        return
    unkept = [item.guarantee for item in capabilities if item.enforcement == "none"]
    sampled = [item.guarantee for item in capabilities if item.enforcement == "sampled"]
    reasons = [f"nothing on this machine keeps the limits on {', '.join(unkept)}"] if unkept else []
    reasons += [f"{', '.join(sampled)} can only be sampled here"] if sampled else []
    if reasons:
        raise PolicyUnmet(f"The policy is strict, and {'; '.join(reasons)}. Open it without `strict`.")


def network_of(policy: Policy, *, outside: "Outside | None", without: frozenset[str]) -> "Network | None":
    """Return the hosts that a policy lets programs reach; None for none."""
    if not policy.has_proxy:
        return None
    from sandbox.network.proxy import Network

    hosts = () if policy.network == "none" else policy.network
    return Network(hosts, outside=outside, without=without, ask=policy.ask_host, masks=policy.masks)


def proxy_variables() -> dict[str, str]:
    """Return the environment variables that name the proxy."""
    lower_case = {"http_proxy": _URL, "https_proxy": _URL, "no_proxy": "localhost,127.0.0.1,::1"}
    return lower_case | {name.upper(): value for name, value in lower_case.items()}


def reaching(mechanism: str, policy: Policy) -> str:
    """Return the mechanism of the network guarantee, with the hosts that programs reach by the proxy."""
    hosts = [] if policy.network == "none" else [*policy.network]
    hosts += ["hosts that the caller is asked about"] if policy.ask_host else []
    return (
        f"{mechanism}; a proxy of the host's to public addresses of {', '.join(hosts)}"
        if hosts
        else mechanism
    )


def refuse_network(policy: Policy, backend: str, why: str) -> None:
    """Refuse an allow-list on a backend that can't bound programs to a proxy. Raises PolicyUnmet."""
    if policy.network != "none":
        raise PolicyUnmet(
            f"The backend {backend} has no network for programs, as {why}. "
            "Use --sandbox bubblewrap, docker or ssh:HOST for an allow-list of hosts."
        )


def refuse_folders(policy: Policy, backend: str) -> None:
    """Refuse folders of this machine on a backend that can't mount them. Raises PolicyUnmet."""
    if policy.folders or policy.beside:
        raise PolicyUnmet(f"The backend {backend} can't show folders of this machine to programs.")


def as_capabilities(kept: Mapping[str, str | None], sampled: Collection[str]) -> tuple[Capability, ...]:
    """Return each guarantee with its mechanism; `sampled` names the guarantees that are only sampled."""
    return tuple(
        Capability(guarantee=guarantee, mechanism=mechanism, sampled=guarantee in sampled)
        for guarantee, mechanism in kept.items()
    )


def capabilities_of(server: "Server", policy: Policy, *, one_wall: bool) -> tuple[Capability, ...]:
    """Return the guarantees of the bubblewrap backend, with the mechanism of each on this machine.

    With `one_wall` each run has its own bubblewrap, and no proxy.
    """
    cgroup = f"cgroup v{server.groups.version}" if server.groups else None
    second = f" and Landlock (ABI {server.landlock})" if server.landlock >= 2 else ""
    sampled = set() if cgroup else {"memory"}
    parted = f"user, pid, mount, ipc, net, uts and cgroup namespaces per run{second}"
    kept: dict[str, str | None] = {
        "memory": cgroup
        or "RLIMIT_DATA per process, memfd refused, the run's total, sockets too, sampled every 20 ms",
        "processes": f"RLIMIT_NPROC per run{f' and {cgroup}' if cgroup else ''}",
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "the host ends the run's pid namespace",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "tmpfs with a size",
        "files": "tmpfs with a number of inodes",
        "network": reaching("a network namespace per run without any route", policy),
        "host files": f"mount namespace of bubblewrap{second}",
        "environment": "empty environment at the server's start",
        "other runs": f"{parted}{_DEVICES}",
        "nothing left": "the run's pid namespace ends with it; a keeper ends the sandbox with its owner",
        "privileges": "no capabilities, no_new_privs, "
        + ("a uid of its own" if os.geteuid() == 0 else "the uid of the caller"),
        "system calls": "seccomp allow-list",
    }
    if one_wall:
        kept["network"] = "a network namespace per run with loopback only"
        kept["nothing left"] = (
            "the pid namespace of the run's own bubblewrap; a keeper ends all with its owner"
        )
        own = f"{parted}{_DEVICES if os.geteuid() == 0 else ''}"
        kept["other runs"] = f"a bubblewrap per run, as it may make none inside; {own}"
    if one_wall and os.geteuid() != 0:
        sampled |= {"disk", "files"}
        kept["disk"] = "tmpfs with a size; the workspace that lasts is a folder, sampled"
        kept["files"] = "sampled every 50 ms"
        kept["host files"] = (
            f"{kept['host files']}; the mount table shows where the interpreter and the workspace are"
        )
    if policy.cpus is not None:
        kept |= with_processors(counted=server.counts_processors)
    return as_capabilities(kept, sampled)


def kept_in_container(server: "Server", *, filtered: bool) -> dict[str, str | None]:
    """Return the container backend's mechanisms; `filtered`: seccomp works and denies sockets."""
    cgroup = f"cgroup v{server.groups.version}" if server.groups else None
    landlock = f"Landlock (ABI {server.landlock})"
    own_uid, scoped = server.uid != os.geteuid(), server.landlock >= _SCOPES
    parted = f"signals: {landlock}" if scoped else "signals: a uid of the sandbox's own" if own_uid else None
    sampled = "RLIMIT_DATA per process, the total sampled every 20 ms" if filtered else None
    limited = f"RLIMIT_NPROC per uid{f' and {cgroup}' if cgroup else ''}" if server.uid else cgroup
    ends = "each run's reaper, as a subreaper, ends every descendant; a keeper ends all with its owner"
    apart = "no capabilities, no_new_privs, a uid of its own" if own_uid else "no_new_privs"
    return {
        "memory": cgroup or sampled,
        "processes": limited,
        "cpu time": "RLIMIT_CPU per process, and the wall time of the run",
        "wall time": "the host has the run's reaper end it",
        "output": "the host reads a bounded part and ends a flood",
        "disk": "RLIMIT_FSIZE per file, the sandbox's total sampled every 50 ms",
        "files": "sampled every 50 ms",
        "network": "seccomp: no sockets but pairs" if filtered else None,
        "host files": f"{landlock}: content and folders; that a file is there can be seen"
        if server.landlock >= _CLOSES_FILES
        else None,
        "modes and times of host files": "a uid of the sandbox's own" if own_uid else None,
        "environment": "empty environment at the start of each run",
        "other processes": parted,
        "names of other processes": None,
        "other runs": f"signals: {landlock}; one workspace" if scoped else None,
        OTHER_SANDBOXES: None,
        "nothing left": f"{ends}, and each process of its uid" if own_uid else ends if scoped else None,
        "privileges": apart if server.uid else None,
        "system calls": "seccomp allow-list" if filtered else None,
    }


def kept_in_place(server: "Server") -> dict[str, str | None]:
    """Return the container backend's mechanisms for programs that work in place with the caller's rights."""
    kept = kept_in_container(server, filtered=False)
    unrestricted = ("disk", "files", "host files", "modes and times of host files", "privileges")
    return {
        **kept,
        **dict.fromkeys(unrestricted),
        "environment": "only variables whose values are existing paths, of the caller's",
    }


def with_processors(*, counted: bool) -> dict[str, str | None]:
    """Return the mechanism of a processor limit; None without a cgroup, as a program can then undo it."""
    return {"processors": "a quota of the run's cgroup" if counted else None}
