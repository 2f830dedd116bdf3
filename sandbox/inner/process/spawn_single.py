"""One run in a process of its own, where there is no warm server.

It is started with a descriptor from which it reads first its settings, by which it confines itself for good,
then its one job, and not a byte more: where that descriptor is its standard input, the rest is the
program's. Each of the two is a u32 length (little-endian) and JSON.
"""

from __future__ import annotations

import importlib
import json
import os
import site
import socket
import sys
from typing import TYPE_CHECKING, Any

from sandbox.inner.process.channel import Channel, Duplex
from sandbox.inner.process.execute import become
from sandbox.inner.process.wire import HEADER, READY
from sandbox.inner.walls import landlock
from sandbox.inner.walls.inner_walls import Rlimits, Walls, bound_descriptors, confine, tighten
from sandbox.inner.walls.seccomp import Filter
from sandbox.inner.walls.syscalls import write_file

if TYPE_CHECKING:
    from sandbox.inner.process.filing import Filing

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
    And these, which only a container has:
        tidy: folders that are emptied before, with what else an earlier run left outside of the workspace.
        files: whether it answers requests about files while it waits for its job.
        first_to_die: whether it goes before others where memory is short.

    The job is as for a child of the server: `kind` with what belongs to it, `environment`, `rlimits`, and
    `stdin`: whether the program reads standard input. An entry has its channel over `source`, and over
    standard output where `source` is standard input: what it prints goes to standard error then.
    """
    settings = receive(source)
    filing = _serve_container(settings, source)
    os.chdir(settings["workspace"])
    walls = walls_of(settings)
    bound_descriptors(walls)
    confine(walls, Rlimits(**settings["rlimits"]), rules=settings["rules"])
    if sys.flags.no_site:
        site.main()
    if settings["ready"] is not None:
        os.write(settings["ready"], READY)
    job = receive(source)
    while filing is not None and job["kind"] == "files":
        filing.answer(job)
        job = receive(source)
    if filing is not None:
        filing.close()
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


def walls_of(settings: dict[str, Any]) -> Walls:
    """What holds a process of a container."""
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


def _serve_container(settings: dict[str, Any], source: int) -> Filing | None:
    if settings.get("first_to_die"):
        write_file("/proc/self/oom_score_adj", "1000")
    if settings.get("tidy"):
        importlib.import_module("sandbox.inner.process.tidying").tidy(settings["tidy"])
    if not settings.get("files"):
        return None
    if not os.access(settings["workspace"], os.X_OK):
        os.chmod(settings["workspace"], 0o700)  # a program has closed it, and we have its uid
    # Imported here: outside of a container it isn't there.
    filing: Filing = importlib.import_module("sandbox.inner.process.filing").Filing(
        settings["workspace"], source, settings["ready"]
    )
    return filing


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
