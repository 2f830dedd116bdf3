"""Read and write files of a container's workspace for the owner, in a process that waits for its job.

It has the uid and rights of the programs. An answer is a u32 length and JSON: `refused` with the reason, or
`size`, followed by as many bytes.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Iterator
from typing import Any

from sandbox.errors import FileRefused
from sandbox.files.listing import check_folder, collect, describe_entry, list_folder
from sandbox.files.workspace import Workspace
from sandbox.inner.process.wire import HEADER
from sandbox.inner.walls.syscalls import libc

_PIECE = 1 << 20
_WITHOUT_CONTENT = ("write", "append", "make_folder", "enter", "remove")
"""Operations whose answer has no content."""
_OPEN_TO_ALL = 0o1777
_REMOVE = 0
_QUEUES = "/dev/mqueue"
_SYSTEM_V = {"shm": "shmctl", "msg": "msgctl", "sem": "semctl"}


class Filing:
    """Answer requests on one workspace."""

    def __init__(self, folder: str, source: int, answers: int) -> None:
        """Requests come from descriptor `source`; answers go to `answers`."""
        self._source, self._answers = source, answers
        self._workspace = Workspace(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), os.getuid())
        self._rest = 0
        """Unread bytes of the request."""

    def close(self) -> None:
        """Close the folder."""
        self._workspace.close()

    def answer(self, request: dict[str, Any]) -> None:
        """Serve one request."""
        place, path = self._workspace, request.get("path", "")
        acts: dict[str, Callable[[], object]] = {
            "write": lambda: place.write(path, self._pieces(), executable=request["executable"]),
            "append": lambda: place.append(path, self._pieces()),
            "make_folder": lambda: place.make_folder(path),
            "enter": lambda: check_folder(place.below, path),
            "list": lambda: self._tell(list_folder(place.below, path)),
            "stat": lambda: self._tell(describe_entry(place.below, path)),
            "read": lambda: self._read(request),
            "manifest": lambda: self._tell(place.manifest()),
            "remove": lambda: place.remove(path),
            "keep": self._keep,
            "collect": lambda: self._collect(request),
        }
        self._rest = request.get("size", 0)
        try:
            acts[request["do"]]()
            if request["do"] in _WITHOUT_CONTENT:
                self._say({"size": 0})
        except FileRefused as error:
            for _ in self._pieces():
                continue
            self._say({"refused": str(error), "kind": error.kind})

    def _read(self, request: dict[str, Any]) -> None:
        start, limit = request["start"], request["limit"]
        with self._workspace.open_regular(request["path"], limit=limit if start is None else None) as file:
            os.lseek(file.fileno(), start or 0, os.SEEK_SET)
            self._send({}, file.fileno(), limit)

    def _keep(self) -> None:
        known = json.loads(b"".join(self._pieces()))
        self._tell(sorted(self._workspace.keep({path: tuple(facts) for path, facts in known.items()})))

    def _collect(self, request: dict[str, Any]) -> None:
        """Send every file that differs from the given ones, and the number of omitted ones."""
        left_out = 0
        bounds = {name: request[name] for name in ("max_files", "max_bytes", "max_depth")}
        for found in collect(self._workspace, request["given"], **bounds):
            if found is None:
                left_out += 1
            else:
                path, file = found
                os.lseek(file.fileno(), 0, os.SEEK_SET)  # `file` may have sought only in its buffer
                self._send({"path": path}, file.fileno(), bounds["max_bytes"])
        self._say({"left_out": left_out})

    def _tell(self, found: object) -> None:
        content = json.dumps(found).encode()
        self._say({"size": len(content)})
        self._write_all(content)

    def _send(self, named: dict[str, Any], file: int, most: int) -> None:
        """Send a header and the rest of a file. Raises EOFError if the file shrinks meanwhile."""
        size = min(max(os.fstat(file).st_size - os.lseek(file, 0, os.SEEK_CUR), 0), most)
        self._say({**named, "size": size})
        while size:
            piece = os.read(file, min(size, _PIECE))
            if not piece:
                raise EOFError("a file became shorter while it was read")
            self._write_all(piece)
            size -= len(piece)

    def _say(self, header: dict[str, Any]) -> None:
        content = json.dumps(header).encode()
        self._write_all(HEADER.pack(len(content)) + content)

    def _write_all(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._answers, rest) :]

    def _pieces(self) -> Iterator[bytes]:
        while self._rest:
            piece = os.read(self._source, min(self._rest, _PIECE))
            if not piece:
                raise EOFError("the owner went away in the middle of a file")
            self._rest -= len(piece)
            yield piece


def tidy(folders: list[str]) -> None:
    """Empty folders owned by this uid, and remove its queues, shared memory and semaphores."""
    for folder in folders:
        _empty(folder)
    if os.path.isdir(_QUEUES):
        for name in os.listdir(_QUEUES):
            os.unlink(f"{_QUEUES}/{name}")
    for kind, call in _SYSTEM_V.items():
        for number in _numbers(kind):
            arguments = (number, 0, _REMOVE, 0) if kind == "sem" else (number, _REMOVE, None)
            getattr(libc, call)(*map(_plain, arguments))


def _empty(folder: str) -> None:
    workspace = Workspace(os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC), os.getuid())
    try:
        workspace.remove(".")
    finally:
        workspace.close()
        os.chmod(folder, _OPEN_TO_ALL)


def _numbers(kind: str) -> list[int]:
    """Ids of one kind of System V IPC in this namespace."""
    try:
        with open(f"/proc/sysvipc/{kind}") as file:
            return [int(line.split()[1]) for line in list(file)[1:]]
    except FileNotFoundError:
        return []


def _plain(value: int | None) -> object:
    return None if value is None else ctypes.c_int(value)
