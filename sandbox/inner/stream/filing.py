"""Read and write files of the workspace for the host, in a process of its own beside the agent.

It serves one call after the other: JSON with `do`, then the content, if any, as a stream. The answer is a
report with `size` and as many bytes, or `refused` with the reason. As root it takes the rights of the files'
owner for each access, so programs, which have that uid, can't signal it.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from sandbox.errors import FileRefused
from sandbox.files.listing import check_folder, collect, describe_entry, list_folder
from sandbox.files.resolve_beneath import FOLDER, Beneath, refuse_errors
from sandbox.files.tree_walk import walk_tree
from sandbox.files.workspace import Workspace
from sandbox.inner.stream import frames
from sandbox.inner.stream.frames import MAX_PAYLOAD, WINDOW, Splitter, Window
from sandbox.inner.walls import landlock

_WITHOUT_CONTENT = ("write", "append", "make_folder", "enter", "remove")
"""Operations whose answer has no content."""
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_NOCTTY | os.O_CLOEXEC


class Port:
    """Frames of one call after the other, relayed by the agent. Its methods block."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._splitter = connection, Splitter()
        self._number = 0
        self._window, self._credit = Window(), 0

    def next_call(self) -> dict[str, Any]:
        """Wait for the next call."""
        while True:
            try:
                kind, number, payload = self._receive()
            except Dropped:  # it was answered already
                continue
            if kind == frames.CALL:
                self._number, self._window, self._credit = number, Window(), WINDOW
                request: dict[str, Any] = json.loads(payload)
                return request

    def content(self) -> Iterator[bytes]:
        """Yield the content that came with the call, to its end."""
        while True:
            kind, _, payload = self._receive()
            if kind == frames.END:
                return
            if kind != frames.DATA:
                continue
            self._window.receive(len(payload))
            yield payload
            amount = self._window.consume(len(payload))
            if amount:
                self._connection.send(frames.pack_credit(self._number, frames.STDIN, amount))

    def say(self, news: dict[str, Any]) -> None:
        """Send a report."""
        self._connection.send(frames.pack(frames.NEWS, self._number, 0, json.dumps(news).encode()))

    def send(self, content: bytes) -> None:
        """Send bytes of the answer, as the host grants them."""
        rest = memoryview(content)
        while rest:
            while self._credit == 0:
                kind, _, payload = self._receive()
                if kind == frames.CREDIT:
                    self._credit += frames.unpack_credit(payload)
            size = min(len(rest), self._credit, MAX_PAYLOAD)
            self._connection.send(frames.pack(frames.DATA, self._number, frames.STDOUT, bytes(rest[:size])))
            self._credit -= size
            rest = rest[size:]

    def _receive(self) -> tuple[int, int, bytes]:
        """Return the next frame of this call, or the next call. Raises Dropped once this one is dropped."""
        while True:
            message = self._connection.recv(MAX_PAYLOAD + frames.HEADER.size)
            if not message:
                os._exit(0)
            ((kind, number, _, payload),) = self._splitter.feed(message)
            if kind == frames.CALL and json.loads(payload)["do"] == "drop":
                if number == self._number:
                    raise Dropped
            elif kind == frames.CALL or number == self._number:
                return kind, number, payload


class Dropped(Exception):
    """The host doesn't wait for the answer any more."""


class Filing:
    """Answers calls on one workspace."""

    def __init__(self, folder: str, owner: int, port: Port, *, in_place: bool) -> None:
        self._port = port
        root = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        self._workspace = Workspace(root, owner, in_place=in_place)

    def answer(self, request: dict[str, Any]) -> None:
        """Serve one call."""
        place, path, pieces = self._workspace, request.get("path", ""), self._pieces(request)
        acts: dict[str, Callable[[], object]] = {
            "write": lambda: place.write(path, pieces, executable=request["executable"]),
            "append": lambda: place.append(path, pieces),
            "make_folder": lambda: place.make_folder(path),
            "enter": lambda: check_folder(place.below, path),
            "list": lambda: self._tell(list_folder(place.below, path)),
            "stat": lambda: self._tell(describe_entry(place.below, path)),
            "read": lambda: self._read(request),
            "manifest": lambda: self._tell(place.manifest()),
            "walk": self._walk,
            "fetch": lambda: self._fetch(request),
            "hash": lambda: self._hash(request, pieces),
            "remove": lambda: place.remove(path),
            "keep": lambda: self._keep(pieces),
            "collect": lambda: self._collect(request, pieces),
        }
        with suppress(Dropped):
            try:
                acts[request["do"]]()
                if request["do"] in _WITHOUT_CONTENT:
                    self._port.say({"size": 0})
            except FileRefused as error:
                self._port.say({"refused": str(error), "kind": error.kind})
            for _ in pieces:
                continue

    def _pieces(self, request: dict[str, Any]) -> Iterator[bytes]:
        return self._port.content() if request["with_content"] else iter(())

    def _read(self, request: dict[str, Any]) -> None:
        start, limit = request["start"], request["limit"]
        with self._workspace.open_regular(request["path"], limit=limit if start is None else None) as file:
            os.lseek(file.fileno(), start or 0, os.SEEK_SET)
            self._send({}, file.fileno(), limit)

    def _walk(self) -> None:
        """Send path and stat of each entry except folders; null if it is inaccessible."""
        now = time.time_ns()
        with self._workspace.below.as_owner():
            self._workspace.below.open_root_to_us()
            entries = [
                (os.fsencode(path).hex(), status and stamp_of(status), self._target_of(path, status))
                for path, status in walk_tree(self._workspace.below, lambda path: False)
            ]
        self._tell({"entries": entries, "now": now})

    def _target_of(self, path: str, found: os.stat_result | None) -> str | None:
        if found is None or not stat.S_ISLNK(found.st_mode):
            return None
        parent, _, name = path.rpartition("/")
        try:
            folder = self._workspace.below.open(parent or ".", FOLDER)
            try:
                return os.fsencode(os.readlink(name, dir_fd=folder)).hex()
            finally:
                os.close(folder)
        except OSError:
            return None

    def _fetch(self, request: dict[str, Any]) -> None:
        """Send the start of a regular file; it may have other hard links."""
        path = os.fsdecode(bytes.fromhex(request["name"]))
        below = self._workspace.below
        with below.as_owner(), refuse_errors(path), open(below.open(path, _READ), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise FileRefused(f"{path!r} isn't a regular file.")
            self._send({}, file.fileno(), request["limit"])

    def _hash(self, request: dict[str, Any], pieces: Iterator[bytes]) -> None:
        """Send the SHA-256 (hex) of each file; null if it isn't regular, is over the limit or unreadable."""
        names, below = json.loads(b"".join(pieces)), self._workspace.below
        with below.as_owner():
            self._tell(
                [_hash_file(below, os.fsdecode(bytes.fromhex(name)), request["limit"]) for name in names]
            )

    def _keep(self, pieces: Iterator[bytes]) -> None:
        digests = json.loads(b"".join(pieces))
        self._tell(sorted(self._workspace.keep({path: tuple(facts) for path, facts in digests.items()})))

    def _collect(self, request: dict[str, Any], pieces: Iterator[bytes]) -> None:
        """Send every file that differs from the given ones, and the number of omitted ones."""
        given_files, left_out = json.loads(b"".join(pieces)), 0
        bounds = {name: request[name] for name in ("max_files", "max_bytes", "max_depth")}
        for artifact in collect(self._workspace, given_files, **bounds):
            if artifact is None:
                left_out += 1
            else:
                path, file = artifact
                os.lseek(file.fileno(), 0, os.SEEK_SET)  # `file` may have sought only in its buffer
                self._send({"path": path}, file.fileno(), bounds["max_bytes"])
        self._port.say({"left_out": left_out})

    def _tell(self, answer: object) -> None:
        content = json.dumps(answer).encode()
        self._port.say({"size": len(content)})
        self._port.send(content)

    def _send(self, named: dict[str, Any], file: int, most: int) -> None:
        """Send a report and the rest of a file, padded with zeros if it shrinks meanwhile."""
        size = min(max(os.fstat(file).st_size - os.lseek(file, 0, os.SEEK_CUR), 0), most)
        self._port.say({**named, "size": size})
        while size:
            piece = os.read(file, min(size, MAX_PAYLOAD)) or bytes(min(size, MAX_PAYLOAD))
            self._port.send(piece)
            size -= len(piece)


def _hash_file(below: Beneath, path: str, limit: int) -> str | None:
    try:
        descriptor = below.open(path, _READ)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        content = os.read(descriptor, status.st_size + 1)
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return hashlib.sha256(content).hexdigest() if len(content) == status.st_size else None


def stamp_of(found: os.stat_result) -> tuple[int, ...]:
    """Return what rebuilds an `os.stat_result`: mode, inode, device, size, and times in nanoseconds."""
    return found.st_mode, found.st_ino, found.st_dev, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def main(connection: socket.socket, settings: dict[str, Any]) -> None:
    """Serve the agent until it is gone. Never returns."""
    port = Port(connection)
    owner = os.getuid() if settings["uid"] is None else settings["uid"]
    filing = Filing(settings["workspace"], owner, port, in_place=settings["in_place"])
    with suppress(OSError):  # no_new_privs is off: only tests do that
        landlock.restrict(settings["rules"], version=min(landlock.abi(), settings["landlock"]))
    while True:
        filing.answer(port.next_call())
