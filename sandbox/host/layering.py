"""How a large workspace gets a layer over it before a session begins, so that what changes is soon found.

What lies below is sealed, and children that were made before are let go. A folder that lies below can't be
renamed (EXDEV): `mv` copies it, and not everybody does. So only trees that take long to look at get a layer.
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
"""Folders above a file. No folder below a layer can be moved up to be removed (`removal.py`)."""
_ANSWER_S = 30.0


class Layering:
    """Asks the server of one sandbox for the layer."""

    def __init__(self, server: Server, pool: Pool, policy: Policy, least: int | None) -> None:
        """`pool` has the children that see the workspace; `least` files get a layer, with None never."""
        self._server, self._pool, self._policy, self._least = server, pool, policy, least

    async def put(self, laid: Mapping[str, str]) -> tuple[Workspace, Beneath] | None:
        """The workspace as it is seen from now on, and the layer; None where all stays as it is.

        Args:
            laid: the files that the workspace holds.

        Raises:
            SandboxBroken: the server doesn't answer.
        """
        if self._least is None or len(laid) < self._least or max(map(_depth, laid), default=0) > _DEEPEST:
            return None
        if not self._pool.renew():
            return None
        ours, inside = socket.socketpair()
        ours.settimeout(_ANSWER_S)
        try:
            with inside:
                send_with_fds(self._server.control, LAYER, [inside.fileno()])
            self._pool.fill()  # with those that see the layer: requests are served one by one
            _, handed = await asyncio.to_thread(receive_with_fds, ours, 1, MOST)
        except OSError as error:
            raise SandboxBroken(f"The sandbox's server does not answer: {error}") from error
        finally:
            ours.close()
        if not handed:
            return None
        uid, capacity = self._server.uid, 2 * self._policy.disk_mb << 20
        seen = Workspace(handed[0], uid, capacity=capacity, attached=self._policy.folders)
        return seen, Beneath(handed[1], uid)


def _depth(path: str) -> int:
    return path.count("/")
