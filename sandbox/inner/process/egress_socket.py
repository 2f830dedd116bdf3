"""The door of a run to its proxy: a listening socket in the run's own network namespace, handed to the host.

The host accepts what programs connect to it. So nothing of ours runs inside for it, and no path of the host's
is shown.
"""

from __future__ import annotations

import socket

ADDRESS, PORT = "127.0.0.1", 61_080
"""Above the ports that the kernel gives to connections."""
_WAITING = 64


def open_door() -> socket.socket:
    """Listen, as pid 1 of the run, while the loopback interface is up and nothing else of the run lives."""
    return socket.create_server((ADDRESS, PORT), backlog=_WAITING)
