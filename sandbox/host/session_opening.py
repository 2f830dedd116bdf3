"""Open a session: a child with our agent as pid 1, its limits, and the environment of every command."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from sandbox.errors import SandboxBroken
from sandbox.files.resolve_beneath import Beneath
from sandbox.files.workspace import Workspace
from sandbox.host.agent_link import AgentLink
from sandbox.host.child import Child, pair_for
from sandbox.host.disk_watch import DiskBounds, DiskWatch
from sandbox.host.host_workspace import HostWorkspace, PutLayer
from sandbox.host.limits import RunLimits
from sandbox.host.pool import Pool
from sandbox.host.server import Server
from sandbox.host.session import LiveSession
from sandbox.inner.process.wire import (
    HOME,
    LAYER,
    MAX_DESCRIPTORS,
    MAX_MESSAGE,
    receive_with_fds,
    send_with_fds,
)
from sandbox.inner.walls.places import WORKSPACE
from sandbox.policy import Policy

ENVIRONMENT = {
    "HOME": HOME,
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    **dict.fromkeys(("PAGER", "GIT_PAGER"), "cat"),
    **dict.fromkeys(("EDITOR", "GIT_EDITOR"), "true"),
    "GIT_TERMINAL_PROMPT": "0",
    "npm_config_yes": "true",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_BREAK_SYSTEM_PACKAGES": "1",
    "DEBIAN_FRONTEND": "noninteractive",
    "NO_COLOR": "1",
    "PY_COLORS": "0",
    "TERM": "dumb",
    "COLUMNS": "160",
    "LANG": "C.UTF-8",
}
"""Environment of every command: no prompts, pagers, colours, or stale bytecode after same-size edits."""
_DEEPEST = 64
"""Maximum folders above a file: a folder below a layer can't be moved up for removal (`folder_entry.py`)."""
_ANSWER_S = 30.0


class Agents(Protocol):
    """Makes and takes back agents of sessions."""

    async def lend_session(self, limits: RunLimits) -> Child:
        """Return a new child whose pid 1 is the agent of a session."""

    def give_back(self, child: Child) -> None:
        """Record the end of a child's session."""


@dataclass(frozen=True, slots=True)
class SessionPlace:
    """Settings for opening sessions of one sandbox."""

    pool: Agents
    limits: RunLimits
    environment: Mapping[str, str]
    workspace_at: Callable[[int], Workspace]
    """Function that returns the workspace below a descriptor."""
    bounds: DiskBounds | None
    """Disk bounds to sample; None if file systems enforce them."""
    sampled: bool
    """Whether to sample memory that no cgroup counts; False in tests only."""
    lasting: HostWorkspace | None
    """The workspace shared by runs; None for a separate one."""
    folder: str = ""
    """Path of the shared workspace if workspaces are folders of this machine; a separate one is emptied."""
    put_layer: PutLayer | None = None
    leave: Callable[[int], Awaitable[None]] | None = None
    """Function for work in place that ends a reaper and its agent, but nothing that commands started."""


@asynccontextmanager
async def open_session(
    place: SessionPlace, environment: Mapping[str, str], files: Mapping[str, bytes]
) -> AsyncIterator[LiveSession]:
    """Context manager of a session; all processes of the session are dead afterwards.

    In place, what commands started lives on, unless the body raises. Raises SandboxBroken.
    """
    async with AsyncExitStack() as later, AsyncExitStack() as stack:

        async def renew() -> AgentLink:
            if place.lasting is None:
                raise SandboxBroken("The session is over, and its own workspace with it.")
            return (await stack.enter_async_context(_agent(place, environment)))[1]

        workspace, root = place.lasting, place.folder or WORKSPACE
        laid: Mapping[str, str] = {}
        if workspace is not None:
            laid = await asyncio.shield(workspace.be_used_with(place.put_layer))
        child, link = await stack.enter_async_context(_agent(place, environment))
        if workspace is None:
            descriptor = child.take_workspace()
            workspace = HostWorkspace(place.workspace_at(descriptor))
            later.callback(workspace.close)
            if place.folder:
                root = os.readlink(f"/proc/self/fd/{descriptor}")
                later.push_async_callback(workspace.remove, ".")
            laid = await workspace.lay(files) if files else {}
        await workspace.rebase(laid)
        session = LiveSession(link, workspace, renew, root=root)
        stack.push_async_callback(session.close)
        yield session


@asynccontextmanager
async def _agent(
    place: SessionPlace, environment: Mapping[str, str]
) -> AsyncIterator[tuple[Child, AgentLink]]:
    """Context manager that runs an agent. Raises SandboxBroken."""
    own_end, inside = pair_for("A session", socket.SOCK_SEQPACKET)
    for end in (own_end, inside):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, MAX_MESSAGE)
    try:
        child = await place.pool.lend_session(place.limits)
    except BaseException:
        own_end.close()
        inside.close()
        raise
    link = AgentLink(child, own_end, place.limits, sampled=place.sampled)
    job = {
        "environment": {**place.environment, **ENVIRONMENT, **environment},
        "processes": place.limits.processes,
    }
    watch: DiskWatch | None = None
    try:
        with inside:
            await child.assign(job, [inside.fileno()])
        if place.bounds is not None and child.reaper is not None:
            watch = DiskWatch(place.bounds, child.reaper, lambda: link.end_for("disk"))
        yield child, link
        if place.leave is not None and not link.over and child.reaper is not None:
            await place.leave(child.reaper)
    finally:
        if watch is not None:
            watch.close()
        link.close()
        child.kill(outright=True)
        place.pool.give_back(child)
        await asyncio.shield(child.gone.wait())


async def put_layer(
    server: Server, pool: Pool, policy: Policy, least: int, laid: Mapping[str, str]
) -> tuple[Workspace, Beneath] | None:
    """Put a layer over the workspace; return both, or None if it gets no layer. Raises SandboxBroken.

    `laid`: the files in the workspace; with fewer than `least` it gets no layer.
    """
    if len(laid) < least or max((path.count("/") for path in laid), default=0) > _DEEPEST or not pool.renew():
        return None
    own_end, inside = pair_for("A session")
    own_end.settimeout(_ANSWER_S)
    try:
        with inside:
            send_with_fds(server.control, LAYER, [inside.fileno()])
        pool.fill()  # with children that see the layer: requests are served one by one
        _, handed = await asyncio.to_thread(receive_with_fds, own_end, 1, MAX_DESCRIPTORS)
    except OSError as error:
        raise SandboxBroken(f"The sandbox's server does not answer: {error}") from error
    finally:
        own_end.close()
    if not handed:
        return None
    capacity = 2 * policy.disk_mb << 20
    workspace = Workspace(handed[0], server.uid, capacity=capacity, attached=policy.folders)
    return workspace, Beneath(handed[1], server.uid)
