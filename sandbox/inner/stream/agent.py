"""pid 1 of a container, or an ordinary process: run programs for a host that sends frames over one stream.

It moves bytes between programs and the host, and never interprets what programs write. At the end of its
input, or after a lease without a frame, it exits, and the kernel ends the container.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.stream import frames
from sandbox.inner.stream.connections import DoorConnections
from sandbox.inner.stream.frames import FILE_CALL, NETWORK, TOOLS, FrameError, Splitter
from sandbox.inner.stream.pipes import Sink, Source, Watched
from sandbox.inner.stream.programs import Programs

_STDIN, _STDOUT = 0, 1
_READ, _WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE
_PIECE = 1 << 18


class HostAgent:
    """Serves one host."""

    def __init__(
        self,
        settings: dict[str, Any],
        maker: socket.socket,
        filer: socket.socket,
        own: Sequence[int],
        egress: socket.socket | None,
    ) -> None:
        """`maker`, `filer`: to the processes that make children and serve files; `own`: pids of all three.

        `egress`: listens to programs that connect to the proxy.
        """
        self._lease_s: float = settings["lease_s"]
        self._ends_with_input = "lifeline" not in settings["without"]
        self._watched, self._splitter = Watched(), Splitter()
        self._unsent: deque[bytes] = deque()
        self._is_blocked = False
        """Whether the host currently accepts no more bytes."""
        self._filer, self._for_filer = filer, deque[bytes]()
        self._programs = Programs(settings, self._watched, maker, self.send, own)
        self._connections = DoorConnections(self._watched, self.send)
        if egress is not None:
            self._connections.listen(NETWORK, egress)
        self._heard = time.monotonic()
        for descriptor in (_STDIN, _STDOUT, filer.fileno()):
            os.set_blocking(descriptor, False)
        self._watched.watch(_STDIN, _READ, self._read)
        self._watched.watch(maker.fileno(), _READ, self._programs.hear_maker)
        self._watched.watch(filer.fileno(), _READ, self._read_filer)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps orphans

    def serve(self) -> None:
        """Serve until the host is gone. Never returns."""
        while time.monotonic() - self._heard < self._lease_s:
            self._watched.wait(self._lease_s / 4)
            if self._unsent and not self._is_blocked:
                self._write()
        os._exit(0)

    def send(self, frame: bytes) -> None:
        """Queue a frame for the host. The queue is bounded by what the host has granted."""
        self._unsent.append(frame)

    def _write(self) -> None:
        self._unsent = _write_some(_STDOUT, self._unsent)
        self._is_blocked = bool(self._unsent)
        self._watched.watch(_STDOUT, _WRITE, self._write if self._is_blocked else None)
        if not self._is_blocked:
            self._programs.order_spare()

    def _read(self) -> None:
        content = os.read(_STDIN, _PIECE)
        if not content:
            if self._ends_with_input:
                os._exit(0)
            self._watched.watch(_STDIN, _READ, None)
            return
        self._heard = time.monotonic()
        try:
            for kind, number, stream, payload in self._splitter.feed(content):
                if number & FILE_CALL:
                    self._pass_to_filer(frames.pack(kind, number, stream, payload))
                else:
                    self._take(kind, number, stream, payload)
        except (FrameError, ValueError, KeyError) as error:
            self._report(0, {"is": "broken", "why": str(error)})
            self._write()
            os._exit(1)

    def _take(self, kind: int, number: int, stream: int, payload: bytes) -> None:
        if kind == frames.CALL:
            self._call(number, json.loads(payload))
        elif kind == frames.BEAT:
            self.send(frames.pack(frames.BEAT, 0))
        elif kind in (frames.DATA, frames.END):
            sink = self._sink_of(number, stream)
            if sink is not None and kind == frames.DATA:
                sink.receive(payload)
            elif sink is not None:
                sink.end()
        elif kind == frames.CREDIT:
            source = self._source_of(number, stream)
            if source is not None:
                source.grant(frames.unpack_credit(payload))

    def _call(self, number: int, request: dict[str, Any]) -> None:
        what = request["do"]
        if what == "start":
            self._programs.start(number, request)
        elif what == "listen":
            self._listen(number, request)
        elif what == "drop":
            self._drop(number, request.get("of", number))
        else:
            program = request.get("of", number)
            if what != "look":
                self._programs.signal(program, what)
            if request["answer"]:
                self._report(number, {"is": "left", "left": self._programs.look(program)})

    def _drop(self, number: int, of: int) -> None:
        if not self._connections.drop(number):
            self._programs.drop(of, number)

    def _sink_of(self, number: int, stream: int) -> Sink | None:
        connection = self._connections.get(number)
        if connection is not None:
            return connection.sink
        program = self._programs.get(number)
        return program.sinks.get(stream) if program is not None else None

    def _source_of(self, number: int, stream: int) -> Source | None:
        connection = self._connections.get(number)
        if connection is not None:
            return connection.source
        program = self._programs.get(number)
        return program.sources.get(stream) if program is not None else None

    def _listen(self, number: int, request: dict[str, Any]) -> None:
        """Listen on a socket for programs, beside a module that connects to it."""
        place, module = wire.SessionFolders().tools, request["module"]
        listener = socket.socket(socket.AF_UNIX)
        try:
            with self._programs.files.as_owner():
                os.makedirs(place, 0o755, exist_ok=True)
                for name in (f"{module}.py", "socket"):
                    with suppress(FileNotFoundError):
                        os.unlink(f"{place}/{name}")  # of a session before
                os.symlink(request["source"], f"{place}/{module}.py")
                listener.bind(f"{place}/socket")
            listener.listen()
        except OSError:  # programs have filled the disk, or put something in its place
            self._report(number, {"is": "deaf"})
            return
        self._connections.listen(TOOLS, listener)
        self._report(number, {"is": "listening"})

    def _pass_to_filer(self, frame: bytes) -> None:
        self._for_filer.append(frame)
        self._watched.watch(self._filer.fileno(), _WRITE, self._write_filer)

    def _write_filer(self) -> None:
        with suppress(BlockingIOError):
            while self._for_filer:
                self._filer.send(self._for_filer[0])
                self._for_filer.popleft()
            self._watched.watch(self._filer.fileno(), _WRITE, None)

    def _read_filer(self) -> None:
        """Pass on a frame of the process that serves files."""
        frame = self._filer.recv(_PIECE)
        if not frame:
            os._exit(1)
        self.send(frame)

    def _report(self, number: int, news: dict[str, Any]) -> None:
        self.send(frames.pack(frames.NEWS, number, 0, json.dumps(news).encode()))


def _write_some(descriptor: int, pieces: deque[bytes]) -> deque[bytes]:
    """Write what is possible without blocking; return the rest. Exits if nobody reads any more."""
    while pieces:
        batch = b"".join(pieces) if len(pieces) > 1 else pieces[0]
        try:
            size = os.write(descriptor, batch)
        except BlockingIOError:
            return deque([batch])
        except OSError:
            os._exit(0)
        pieces = deque([batch[size:]] if size < len(batch) else [])
    return pieces


def start(
    settings: dict[str, Any],
    maker: socket.socket,
    filer: socket.socket,
    own: Sequence[int],
    egress: socket.socket | None,
) -> None:
    """Serve the host on standard input and output. Never returns."""
    with suppress(KeyboardInterrupt):
        HostAgent(settings, maker, filer, own, egress).serve()
    os._exit(0)
