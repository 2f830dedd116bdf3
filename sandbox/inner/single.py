"""One run in a process of its own, where there is no warm server.

It is started with a descriptor from which it reads first its settings, by which it confines itself for good,
then its one job, and not a byte more: where that descriptor is its standard input, the rest is the
program's. Each of the two is a u32 length (little-endian) and JSON.
"""

from __future__ import annotations

import json
import os
import site
import socket
import sys
from typing import Any

from sandbox.inner import landlock
from sandbox.inner.channel import Channel
from sandbox.inner.duplex import Duplex
from sandbox.inner.execute import become
from sandbox.inner.seccomp import Filter
from sandbox.inner.walls import Rlimits, Walls, confine, tighten
from sandbox.inner.wire import HEADER, READY

_STDIN, _STDOUT, _STDERR = 0, 1, 2


def main(source: int = _STDIN) -> int:
    """Confine this process, wait for its job and do it; the exit code, where it isn't replaced by a program.

    The settings, all of them needed:
        workspace: the folder that it starts in.
        rules: for Landlock, paths with what may be done below them.
        landlock: the highest ABI to use, 0 for none.
        filter: path of the seccomp filter, None for none.
        disk_bytes, open_files: for each process.
        rlimits: as `walls.Rlimits` has them; those of the job can only be lower.
        ready: the descriptor that one byte is written to when it waits for its job, or None.
        without: mechanisms to leave off; only tests name any.

    The job is as for a child of the server: `kind` with what belongs to it, `environment`, `rlimits`, and
    `stdin`: whether the program reads standard input. An entry has its channel over `source`, and over
    standard output where `source` is standard input: what it prints goes to standard error then.
    """
    settings = receive(source)
    os.chdir(settings["workspace"])
    walls = _walls(settings)
    confine(walls, Rlimits(**settings["rlimits"]), rules=settings["rules"])
    if sys.flags.no_site:
        site.main()
    if settings["ready"] is not None:
        os.write(settings["ready"], READY)
    job = receive(source)
    tighten(walls, Rlimits(**job["rlimits"]))
    return become(job, _arrange(job, source))


def receive(source: int) -> dict[str, Any]:
    """The next message.

    Raises:
        EOFError: there is none: whoever started this process let it go.
    """
    (size,) = HEADER.unpack(_exactly(source, HEADER.size))
    message: dict[str, Any] = json.loads(_exactly(source, size))
    return message


def _walls(settings: dict[str, Any]) -> Walls:
    path = settings["filter"]
    without = frozenset(settings["without"]) | (frozenset() if path else {"seccomp"})
    return Walls(
        disk_bytes=settings["disk_bytes"],
        shared_memory_bytes=0,
        files=0,
        open_files=settings["open_files"],
        filter=Filter(path) if path else None,
        landlock=min(landlock.abi(), settings["landlock"]),
        without=without,
    )


def _arrange(job: dict[str, Any], source: int) -> Channel | None:
    """Put the descriptors in their places, and close what a program must not have."""
    channel: Channel | None = None
    if job["kind"] == "entry":
        if source == _STDIN:
            channel = Channel(Duplex(os.dup(_STDIN), os.dup(_STDOUT)))
            os.dup2(_STDERR, _STDOUT)
        else:
            channel = Channel(socket.socket(fileno=source))
    elif source != _STDIN:
        os.close(source)
    if not job["stdin"]:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, _STDIN)
        os.close(nothing)
    return channel


def _exactly(source: int, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        piece = os.read(source, min(size - len(content), 1 << 20))
        if not piece:
            raise EOFError("there is no job: whoever started this process let it go")
        content += piece
    return bytes(content)
