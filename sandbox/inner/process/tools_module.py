"""The user's tools as functions, for programs of a session: `import tools; tools.NAME(...)`.

A call is carried out outside of the sandbox. It returns plain data, or raises ToolError. `help(NAME)` tells
more of one. Standard library only, Python 3.8 or later.
"""

from __future__ import annotations

import array
import json
import os
import socket
import threading
from typing import Any

_PLACE = os.path.join(os.path.dirname(__file__), "socket")
_LENGTH = 4
_CALLS = "CODER_CALLS"
"""Variable with a descriptor that takes connections, where only socket pairs are allowed."""


class ToolError(ValueError):
    """A call was refused, or failed; the text says why."""


class _Line(threading.local):
    """A connection for each thread, and for each process that was forked."""

    socket: socket.socket | None = None
    owner = 0

    def ask(self, name: str, given: dict[str, Any]) -> Any:
        """Send one request, and wait for its answer. Raises ToolError."""
        content = json.dumps([name, given]).encode()
        try:
            if self.socket is None or self.owner != os.getpid():
                self.socket, self.owner = _connect(), os.getpid()
            self.socket.sendall(len(content).to_bytes(_LENGTH, "little") + content)
            answer = json.loads(self._exactly(int.from_bytes(self._exactly(_LENGTH), "little")))
        except OSError as error:
            self.socket = None
            raise ToolError(f"The call was cut off: {error}.") from None
        except BaseException:  # interrupted: its answer must not be taken for the next one's
            self.socket = None
            raise
        if "error" in answer:
            raise ToolError(answer["error"])
        return answer["value"]

    def _exactly(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            piece = self.socket.recv(min(size - len(content), 1 << 20)) if self.socket else b""
            if not piece:
                raise ConnectionError("the other end closed")
            content += piece
        return bytes(content)


def _connect() -> socket.socket:
    """Connect to the process that carries out calls. Raises OSError."""
    if _CALLS not in os.environ:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(_PLACE)
        return connection
    connection, other = socket.socketpair()
    number = os.dup(int(os.environ[_CALLS]))  # closed below; where a parent closed it there is an OSError
    with other, socket.socket(fileno=number) as calls:
        calls.sendmsg([b"."], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [other.fileno()]))])
    return connection


_line = _Line()


def _function(name: str, parameters: list[str]) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        arguments_by_name = {parameters[at]: value for at, value in enumerate(arguments[: len(parameters)])}
        if len(arguments) > len(parameters) or arguments_by_name.keys() & named.keys():
            raise TypeError(f"{call.__name__} takes each of these once: {', '.join(parameters)}")
        return _line.ask(name, {**arguments_by_name, **named})

    call.__name__ = call.__qualname__ = name.replace("-", "_")
    return call


def help(name: str) -> None:
    """Print what a tool is for, and its arguments. Raises ToolError: there is none."""
    print(_line.ask("", {"help": name}))


_functions = {made.__name__: made for made in (_function(*told) for told in _line.ask("", {}))}
__all__ = [name for name in _functions if name not in globals()]
globals().update((name, _functions[name]) for name in __all__)
