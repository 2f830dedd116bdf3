"""Put a layer over a large workspace before a session begins, so that changes are found quickly.

The files below are sealed, and earlier children discarded. A folder below a layer can't be renamed (EXDEV),
so only workspaces that are slow to walk get one.
"""

import asyncio
import socket
from collections.abc import Mapping

from sandbox.errors import SandboxBroken
from sandbox.files.resolve_beneath import Beneath
from sandbox.files.workspace import Workspace
from sandbox.host.pool import Pool
from sandbox.host.server import Server
from sandbox.inner.process.wire import LAYER, MOST, receive_with_fds, send_with_fds
from sandbox.policy import Policy

_DEEPEST = 64
"""Most folders above a file. A folder below a layer can't be moved up to be removed (`folder_entry.py`)."""
_ANSWER_S = 30.0


async def put_layer(
    server: Server, pool: Pool, policy: Policy, least: int, laid: Mapping[str, str]
) -> tuple[Workspace, Beneath] | None:
    """The workspace from now on, and the layer; None if everything stays as it is. Raises SandboxBroken.

    `laid`: the files in the workspace; with fewer than `least` it gets no layer.
    """
    if len(laid) < least or max((path.count("/") for path in laid), default=0) > _DEEPEST or not pool.renew():
        return None
    ours, inside = socket.socketpair()
    ours.settimeout(_ANSWER_S)
    try:
        with inside:
            send_with_fds(server.control, LAYER, [inside.fileno()])
        pool.fill()  # with children that see the layer: requests are served one by one
        _, handed = await asyncio.to_thread(receive_with_fds, ours, 1, MOST)
    except OSError as error:
        raise SandboxBroken(f"The sandbox's server does not answer: {error}") from error
    finally:
        ours.close()
    if not handed:
        return None
    capacity = 2 * policy.disk_mb << 20
    seen = Workspace(handed[0], server.uid, capacity=capacity, attached=policy.folders)
    return seen, Beneath(handed[1], server.uid)
