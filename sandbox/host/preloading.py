"""The wait for the modules that a child imports before it is lent: code that nobody has read may run then."""

import asyncio
import os
import socket
from collections.abc import Callable, Sequence

from sandbox.errors import PolicyUnmet
from sandbox.host.credentials import receive
from sandbox.inner.process.wire import READY

_IMPORTS_S = 60.0


class Preloading:
    """Says once how it went: it can take too long, or lie."""

    def __init__(
        self, work: socket.socket, names: Sequence[str], done: Callable[[PolicyUnmet | None], None]
    ) -> None:
        """`done` gets why the child can't be lent, or None. The socket is read by whoever comes next."""
        self._work, self._names, self._done = work, names, done
        self._loop = asyncio.get_running_loop()
        self._patience = self._loop.call_later(_IMPORTS_S, self._refuse, f"took {_IMPORTS_S:.0f} s")
        self._loop.add_reader(work.fileno(), self._read)

    def close(self) -> None:
        """Wait no more."""
        self._patience.cancel()

    def _read(self) -> None:
        self._loop.remove_reader(self._work.fileno())
        message, _, handed = receive(self._work)
        for descriptor in handed:
            os.close(descriptor)
        self.close()
        if message == READY:
            self._done(None)
        else:
            self._refuse(ascii(message[1:].decode("ascii", "replace"))[1:-1] or "ended the process")

    def _refuse(self, said: str) -> None:
        names = ", ".join(self._names)
        self._done(
            PolicyUnmet(f"The policy preloads {names}, which can't be imported in the sandbox: {said}")
        )
