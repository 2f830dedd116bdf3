"""The bubblewrap backend: an outer bubblewrap for the workspace's lifetime, and an inner one for each run.

Where namespaces inside bubblewrap are refused, each run gets its own, single bubblewrap. Each process tries
once which of the two works.
"""

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sandbox.errors import BackendMissing, FileRefused, NamespacesRefused, PolicyUnmet, SandboxBroken
from sandbox.host.capabilities import (
    LAYER_FROM,
    Build,
    capabilities_of,
    network_of,
    proxy_variables,
    require_kept,
)
from sandbox.host.disk_watch import DiskBounds
from sandbox.host.served_sandbox import ServedSandbox
from sandbox.host.server import Server, start_server
from sandbox.policy import Policy
from sandbox.supervisor.outer_wall import environment, two_walls
from sandbox.supervisor.starting import one_wall

if TYPE_CHECKING:
    from sandbox.network.outside_lookup import Outside
    from sandbox.network.proxy import Network

Walls = Literal["two", "one"]
_FILTERED = ("x86_64", "aarch64")
"""Machines with a filter of system calls."""
_WALLS: tuple[Walls, ...] = ("two", "one")
_refused: dict[tuple[str | None, str, Walls], tuple[str, str | None]] = {}
"""Reasons why walls could not be built, by bubblewrap, interpreter and kind."""


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
    """Open a sandbox for the duration of a `with` block.

    Args:
        policy: what programs may use.
        without: names of mechanisms to leave out; only for tests, which then see a probe escape.
        landlock: the highest ABI to use; tests lower it to imitate an older kernel.
        outside: how allowed hosts are reached; tests replace it.
        walls: `two`, or `one` bubblewrap for each run; None for the first that works on this machine.
        layer_from: number of files from which a workspace gets a layer for sessions.

    Raises:
        BackendMissing: bubblewrap can't be used here; the message says what helps.
        PolicyUnmet: the policy asks for a guarantee that can't be enforced here.
        SandboxBroken: it could not be started for another reason.
    """
    if sys.platform != "linux" or os.uname().machine not in _FILTERED or shutil.which("bwrap") is None:
        from sandbox.host.refusal import why_missing

        raise why_missing(_FILTERED)
    which, python = shutil.which("bwrap"), str((policy.python, policy.image))
    sandbox: ServedSandbox | None = None
    for kind in _WALLS if walls is None else (walls,):
        if walls is None and (which, python, kind) in _refused:
            continue
        try:
            sandbox = await _opened(policy, kind, without, landlock, outside, layer_from)
            break
        except NamespacesRefused as error:
            if walls is not None:
                raise
            _refused[which, python, kind] = (str(error), error.fix)
    if sandbox is None:
        message, fix = _refused[which, python, "two"]
        raise NamespacesRefused(message, fix=fix)
    try:
        yield sandbox
    finally:
        await sandbox.close()


async def _opened(
    policy: Policy,
    walls: Walls,
    without: frozenset[str],
    landlock: int,
    outside: "Outside | None",
    layer_from: int,
) -> ServedSandbox:
    if walls == "one" and policy.network != "none":
        raise PolicyUnmet(
            "Hosts can be allowed to a program only where bubblewrap may make namespaces inside of its own."
        )
    builder = two_walls if walls == "two" else one_wall
    root = await _unpacked(policy)
    server = await start_server(policy, builder, without=without, landlock=landlock, root=root)
    close = server.close
    try:
        network = network_of(policy, outside=outside, without=without) if walls == "two" else None
        build = _build(server, policy, walls, without, network)
        if walls == "two" and "layer" not in without:
            build = replace(build, layer_from=layer_from)
        sandbox = ServedSandbox(server, policy, build)
        close = sandbox.close
        if walls == "one":
            await sandbox.prove()
    except PermissionError as error:
        await close()
        raise BackendMissing(
            f"Root may not look at its own sandbox here ({error}), as in a container without CAP_SYS_PTRACE. "
            "Start as an ordinary user, or give that capability."
        ) from error
    except SandboxBroken as error:
        from sandbox.host.refusal import explain

        errors = server.said()
        await close()
        raise explain(errors or str(error)) from error
    except BaseException:
        await close()
        raise
    return sandbox


async def _unpacked(policy: Policy) -> Path | None:
    """Return the folder of the unpacked image that the policy names; None if it names no archive."""
    if policy.image is None or not policy.has_archive:
        return None
    from sandbox.files.root_folder import unpack_image  # imported late: few sandboxes have an image

    try:
        return await asyncio.to_thread(unpack_image, Path(policy.image), image_cache())
    except (OSError, FileRefused) as error:
        raise PolicyUnmet(f"The image {policy.image} can't be used: {error}") from error


def image_cache() -> Path:
    """Return the folder where images are unpacked."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "coder" / "images"


def _build(
    server: Server, policy: Policy, walls: Walls, without: frozenset[str], network: "Network | None"
) -> Build:
    capabilities = capabilities_of(server, policy, one_wall=walls == "one")
    require_kept(policy, capabilities)
    proxy_environment = proxy_variables() if network is not None else {}
    build = Build(
        "bubblewrap",
        capabilities,
        environment(
            server.interpreter,
            server.system.variables | proxy_environment | policy.environment,
            (*policy.on_path, *server.system.on_path),
        ),
        without,
        network=network,
    )
    if not server.folder:
        return build
    # No mount of an ordinary user bounds these: the workspace that lasts is a folder, files aren't counted.
    size, folder = policy.disk_mb << 20, f"{server.folder}/w"
    return replace(
        build,
        disk=DiskBounds(size, policy.files, folder=folder, mounts=("/tmp",)),
        fresh_disk=DiskBounds(size, policy.files, mounts=("/tmp", "/w")),
    )
