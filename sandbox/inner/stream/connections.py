"""Connections of programs to the host, numbered by the agent: to the door of tools, or of the proxy."""

from __future__ import annotations

import json
import os
import selectors
import socket
from collections.abc import Callable
from typing import Any

from sandbox.inner.stream import frames
from sandbox.inner.stream.frames import OPENED_BY_AGENT
from sandbox.inner.stream.pipes import Sink, Source, Watched

_MOST = 64
"""Maximum open connections at a door; further ones wait in the kernel's queue."""


class DoorConnection:
    """One connection of a program."""

    def __init__(self, door: str, sink: Sink, source: Source) -> None:
        """`sink` writes the host's bytes, `source` reads the program's."""
        self.door, self.sink, self.source = door, sink, source
        self.is_dropped = False


class DoorConnections:
    """Takes connections at each door, and moves their bytes."""

    def __init__(self, watched: Watched, send: Callable[[bytes], None]) -> None:
        self._watched, self._send = watched, send
        self._listeners: dict[str, socket.socket] = {}
        self._open: dict[int, DoorConnection] = {}
        self._last = OPENED_BY_AGENT

    def listen(self, door: str, listener: socket.socket) -> None:
        """Accept connections at a door by this listener from now on, not by an earlier one."""
        earlier = self._listeners.pop(door, None)
        if earlier is not None:
            self._watched.forget(earlier.fileno())
            earlier.close()
        listener.setblocking(False)
        self._listeners[door] = listener
        self._watch(door)

    def get(self, number: int) -> DoorConnection | None:
        """Return the connection of a number; None if it is closed or there is none."""
        return self._open.get(number)

    def drop(self, number: int) -> bool:
        """Close a connection once the host's bytes are written; False if there is none of this number.

        A stream without its end is cut off.
        """
        connection = self._open.get(number)
        if connection is None:
            return False
        connection.is_dropped = True
        connection.source.close()
        if connection.sink.is_ending:
            return True
        connection.sink.close()
        self._forget(number)
        return True

    def _forget(self, number: int) -> None:
        connection = self._open.pop(number, None)
        if connection is not None:
            self._watch(connection.door)

    def _watch(self, door: str) -> None:
        has_room = sum(each.door == door for each in self._open.values()) < _MOST
        take = (lambda: self._accept(door)) if has_room else None
        self._watched.watch(self._listeners[door].fileno(), selectors.EVENT_READ, take)

    def _accept(self, door: str) -> None:
        try:
            accepted, _ = self._listeners[door].accept()
        except OSError:  # it was closed meanwhile
            return
        self._last += 1
        number, descriptor = self._last, accepted.detach()
        sink = Sink(self._watched, os.dup(descriptor), (number, frames.STDIN), self._send)
        source = Source(self._watched, descriptor, (number, frames.STDOUT), self._send)
        sink.on_closed = lambda: self._sink_closed(number)
        self._open[number] = DoorConnection(door, sink, source)
        self._watch(door)
        self._report(number, {"is": "opened", "door": door})

    def _sink_closed(self, number: int) -> None:
        """Forget a dropped connection; report one that its program closed before the end of the stream."""
        connection = self._open[number]
        if connection.is_dropped:
            self._forget(number)
        elif not connection.sink.is_complete:
            connection.source.close()
            self._report(number, {"is": "closed"})

    def _report(self, number: int, news: dict[str, Any]) -> None:
        self._send(frames.pack(frames.NEWS, number, 0, json.dumps(news).encode()))
