"""An entry that is a Jupyter kernel and its client, both in here: the host gets bounded frames and no zmq.

The host believes none of them: a cell runs under the same uid, and can have made itself the client.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from typing import TYPE_CHECKING, Any

from sandbox.inner.kernel import kernel_client, kernel_process
from sandbox.inner.kernel.kernel_frames import LOADED, MISSING, NUMBER
from sandbox.inner.walls.places import KERNEL

if TYPE_CHECKING:
    from sandbox.inner.process.channel import Channel

_FOLDERS = {"IPYTHONDIR": "ipython", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_RUNTIME_DIR": "runtime"}
_NEEDED = ("ipykernel", "jupyter_client")


def main(channel: Channel, arguments: dict[str, Any]) -> None:
    """Start a kernel and serve cells until the host, the kernel or this process is gone.

    `home` is a folder that isn't there yet: a start reads nothing that the cells of another kernel have left.
    With `waits` all is loaded, and nothing written, until the host says to start.
    """
    client = boot(channel, str(arguments["home"]), waits=arguments["waits"])
    if client is not None:
        client.serve()


def boot(channel: Channel, home: str, *, waits: bool = False) -> kernel_client.Client | None:
    """Start a kernel; None where there is no ipykernel, or the host lets go before it says to start."""
    if not _can_import():
        sys.path.append(KERNEL)  # last: what the interpreter has itself goes before it
        if not _can_import():
            channel.send(MISSING + NUMBER.pack(0))
            return None
    for name, folder in _FOLDERS.items():
        os.environ[name] = f"{home}/{folder}"
    os.environ["JUPYTER_NO_CONFIG"] = "1"
    kernel_process.load()
    if waits:
        channel.send(LOADED + NUMBER.pack(0))
        if channel.receive() is None:
            return None
    connection = kernel_client.prepare(home)
    # Forked, not started anew: what both need is imported once, and there are no threads yet.
    pid = os.fork()
    if pid == 0:
        kernel_process.become_kernel(connection)
    return kernel_client.Client(channel, connection, pid)


def _can_import() -> bool:
    return all(importlib.util.find_spec(name) is not None for name in _NEEDED)
