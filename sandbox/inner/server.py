"""The server inside the outer wall: clones children that are isolated in advance, and nothing else.

It is exec'd with an empty environment, has one thread, and never holds a program or a secret: the host
talks to each child over that child's own sockets, which pass through here once.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
from typing import Any

from sandbox.inner import landlock, reaper, wire
from sandbox.inner.execute import execute
from sandbox.inner.root import build_root
from sandbox.inner.seccomp import Filter, filter_file
from sandbox.inner.sites import Site
from sandbox.inner.syscalls import NEWNS, NEWUSER, clone, unshare
from sandbox.inner.walls import (
    NAMESPACES,
    WORKSPACE,
    Rlimits,
    Walls,
    confine,
    enclose,
    lower,
    map_own_user,
    tighten,
    workspace_options,
)

_MESSAGE = 1 << 16
"""Bytes; a request of the host is far smaller."""
_PRELOADED = (
    *("sandbox.inner.callee", "sandbox.inner.checker"),
    *("random", "datetime", "heapq", "string", "pathlib", "tempfile", "importlib.resources"),
)
"""What many runs would import themselves: ours, and of the standard library only."""


def main(descriptor: int) -> int:
    """Serve the host on a SEQPACKET socket. Returns only in a child, with the exit code of its program."""
    control = socket.socket(fileno=descriptor)
    walls = _open(control, json.loads(control.recv(_MESSAGE)))
    site = Site()
    unloaded = list(_PRELOADED)
    uid, gid = os.getuid(), os.getgid()
    flags = sum(flag for name, flag in NAMESPACES.items() if name not in walls.without)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are reaped by the kernel; the host watches them
    gc.collect()
    gc.freeze()
    while True:
        while unloaded and not select.select([control], [], [], 0)[0]:
            importlib.import_module(unloaded.pop(0))
            gc.freeze()
        request, descriptors = wire.receive_with_fds(control, _MESSAGE, 4)
        if not request:
            os._exit(0)
        try:
            child = clone(flags)
        except OSError as error:
            _complain(descriptors[0], error)
            child = -1
        if child == 0:
            control.close()
            return _serve_one(walls, json.loads(request), descriptors, (uid, gid), site)
        for inherited in descriptors:
            os.close(inherited)


def _open(control: socket.socket, settings: dict[str, Any]) -> Walls:
    """Make the workspace and hand it to the host, along with what this kernel can do."""
    uid, gid = os.getuid(), os.getgid()
    walls = Walls(
        disk_bytes=settings["disk_bytes"],
        shared_memory_bytes=settings["shared_memory_bytes"],
        files=settings["files"],
        open_files=settings["open_files"],
        filter=Filter(filter_file(os.path.dirname(os.path.abspath(__file__)), memfd=settings["memfd"])),
        landlock=min(landlock.abi(), settings["landlock"]),
        without=frozenset(settings["without"]),
    )
    lower(resource.RLIMIT_NOFILE, max(walls.open_files, 64))
    unshare(NEWUSER | NEWNS)
    map_own_user(uid, gid)
    build_root(
        sys.executable, settings["hidden"], workspace=WORKSPACE, workspace_options=workspace_options(walls)
    )
    os.chdir(WORKSPACE)
    workspace = os.open(WORKSPACE, os.O_PATH | os.O_DIRECTORY)
    hello = {"landlock": walls.landlock, "prefix": sys.prefix, "version": list(sys.version_info[:3])}
    wire.send_with_fds(control, json.dumps(hello).encode(), [workspace])
    os.close(workspace)
    return walls


def _serve_one(
    walls: Walls, request: dict[str, Any], descriptors: list[int], owner: tuple[int, int], site: Site
) -> int:
    """As a fresh clone: isolate, then split into the reaper, which never returns, and the program."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status, work = (socket.socket(fileno=descriptor) for descriptor in descriptors[:2])
    try:
        for group in descriptors[2:]:
            os.write(group, b"0")
            os.close(group)
        if "user" in walls.without:
            raise OSError(
                "the user namespace of a run can't be left off: it gives the right to make the others"
            )
        enclose(walls, *owner, fresh=request["fresh"])
        reaper.block_signals()
        program = os.fork()
        if program:
            work.close()
            reaper.reap(program, status, end_the_rest="leftovers" not in walls.without)
        reaper.unblock_signals()
        confine(walls, Rlimits(**request["rlimits"]))
    except OSError as error:
        _complain(status.fileno(), error)
        os._exit(1)
    status.close()
    return _wait_for_job(walls, work, site, fresh=request["fresh"])


def _wait_for_job(walls: Walls, work: socket.socket, site: Site, *, fresh: bool) -> int:
    """Let the host look at this process first; only then may code of the task's interpreter run in it."""
    own = [os.open(WORKSPACE, os.O_PATH | os.O_DIRECTORY)] if fresh else []
    wire.send_with_fds(work, wire.READY, own)
    for descriptor in own:
        os.close(descriptor)
    if work.recv(1) != wire.GO:
        return 0
    site.finish()
    received = wire.receive_job(work)
    if received is None:
        return 0
    job, descriptors = received
    work.close()
    tighten(walls, Rlimits(**job["rlimits"]))
    return execute(job, descriptors)


def _complain(status: int, error: OSError) -> None:
    """Tell the host why this child can't be lent."""
    os.write(status, wire.FAILED + str(error).encode("utf-8", "replace")[:500])
