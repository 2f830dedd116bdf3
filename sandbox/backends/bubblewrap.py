"""The bubblewrap backend: an outer wall that lives as long as its workspace, an inner wall for every run.

Where namespaces inside of bubblewrap are refused, each run gets a bubblewrap of its own instead. Which of the
two this machine lets us build is found out by building it, once for a process.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sandbox.contract import Capability
from sandbox.errors import BackendMissing, NamespacesRefused, PolicyUnmet, SandboxBroken
from sandbox.host.capabilities import (
    LAYER_FROM,
    Build,
    capabilities_of_one_wall,
    require_kept,
    with_hosts,
    with_processors,
)
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server, start_server
from sandbox.policy import Policy
from sandbox.supervisor.outer_wall import Builder, environment, two_walls

if TYPE_CHECKING:
    from sandbox.host.disk_watch import DiskBounds
    from sandbox.network.outside_lookup import Outside
    from sandbox.network.proxy import Network

Walls = Literal["two", "one"]
_FILTERED = ("x86_64", "aarch64")
"""Machines for which a filter of system calls is made."""
_WALLS: tuple[Walls, ...] = ("two", "one")
_refused: dict[tuple[str | None, str, Walls], tuple[str, str | None]] = {}
"""Why walls could not be built, by bubblewrap, interpreter and kind."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    policy: Policy
    without: frozenset[str]
    landlock: int
    outside: "Outside | None"
    layer_from: int


@contextlib.asynccontextmanager
async def open_bubblewrap(
    policy: Policy,
    *,
    without: frozenset[str] = frozenset(),
    landlock: int = 99,
    outside: "Outside | None" = None,
    walls: Walls | None = None,
    layer_from: int = LAYER_FROM,
) -> AsyncIterator[ServedSandbox]:
    """Open a sandbox for as long as the block lasts.

    Args:
        policy: what its programs may use.
        without: mechanisms to leave off, by name; only tests do, to see a probe escape.
        landlock: the highest ABI to use; tests lower it to be an older kernel.
        outside: how hosts of an allow-list are reached; tests put a world of their own there.
        walls: `two`, or `one` bubblewrap a run; None is the first of them that this machine lets us build.
        layer_from: how many files a workspace has that gets a layer over it for sessions.

    Raises:
        BackendMissing: bubblewrap can't be used here; the message says what helps.
        PolicyUnmet: the policy asks for what can't be kept here.
        SandboxBroken: it could not be started for another reason.
    """
    if sys.platform != "linux" or os.uname().machine not in _FILTERED or shutil.which("bwrap") is None:
        from sandbox.host.refusal import why_missing

        raise why_missing(_FILTERED)
    wanted = _Wanted(policy, without, landlock, outside, layer_from)
    sandbox = await (_first_that_works(wanted) if walls is None else _opened(wanted, walls))
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def _first_that_works(wanted: _Wanted) -> ServedSandbox:
    which, python = shutil.which("bwrap"), str(wanted.policy.python)
    for walls in _WALLS:
        if (which, python, walls) in _refused:
            continue
        try:
            return await _opened(wanted, walls)
        except NamespacesRefused as error:
            _refused[which, python, walls] = (str(error), error.fix)
    message, fix = _refused[which, python, "two"]
    raise NamespacesRefused(message, fix=fix)


async def _opened(wanted: _Wanted, walls: Walls) -> ServedSandbox:
    if walls == "one" and wanted.policy.network != "none":
        raise PolicyUnmet(
            "Hosts can be allowed to a program only where bubblewrap may make namespaces inside of its own."
        )
    server = await start_server(
        wanted.policy, _builder(walls), without=wanted.without, landlock=wanted.landlock
    )
    try:
        sandbox = _around(server, wanted, walls)
    except PermissionError as error:
        await server.close()
        raise BackendMissing(
            f"Root may not look at its own sandbox here ({error}), as in a container without CAP_SYS_PTRACE. "
            "Start as an ordinary user, or give that capability."
        ) from error
    except BaseException:
        await server.close()
        raise
    try:
        if walls == "one" or wanted.policy.preload:
            await sandbox.prove()
    except SandboxBroken as error:
        from sandbox.host.refusal import explain

        said = server.said()
        await sandbox.close()
        raise explain(said or str(error)) from error
    except BaseException:
        await sandbox.close()
        raise
    return sandbox


def _around(server: Server, wanted: _Wanted, walls: Walls) -> ServedSandbox:
    policy = wanted.policy
    capabilities: Sequence[Capability] = server.capabilities()
    if walls == "one":
        capabilities = capabilities_of_one_wall(capabilities, own_uid=server.uid != os.geteuid())
    network, told = _network(wanted) if policy.has_proxy and walls == "two" else (None, {})
    capabilities = with_hosts(
        capabilities, policy.network, asks=network is not None and policy.ask_host is not None
    )
    capabilities = with_processors(capabilities, policy.cpus, counted=server.counts_processors)
    require_kept(policy, capabilities)
    programs = environment(server.interpreter, told | policy.environment, policy.on_path)
    disk, fresh_disk = _bounds(server, policy) if server.folder else (None, None)
    build = Build(
        "bubblewrap",
        tuple(capabilities),
        programs,
        wanted.without,
        sessions=True,
        network=network,
        disk=disk,
        fresh_disk=fresh_disk,
        layer_from=wanted.layer_from if walls == "two" and "layer" not in wanted.without else None,
    )
    return ServedSandbox(server, policy, build)


def _builder(walls: Walls) -> Builder:
    if walls == "two":
        return two_walls
    from sandbox.supervisor.one_wall import one_wall

    return one_wall


def _network(wanted: _Wanted) -> "tuple[Network, dict[str, str]]":
    """What programs may reach, and what tells them how."""
    from sandbox.network.proxy import Network, variables

    policy = wanted.policy
    hosts = () if policy.network == "none" else policy.network
    network = Network(hosts, outside=wanted.outside, without=wanted.without, ask=policy.ask_host)
    return network, variables()


def _bounds(server: Server, policy: Policy) -> "tuple[DiskBounds, DiskBounds]":
    """What no mount of an ordinary user keeps: the workspace that lasts is a folder, files aren't counted."""
    from sandbox.host.disk_watch import DiskBounds

    size = policy.disk_mb << 20
    lasting = DiskBounds(size, policy.files, folder=f"{server.folder}/w", mounts=("/tmp",))
    return lasting, DiskBounds(size, policy.files, mounts=("/tmp", "/w"))
