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
import socket
import sys
from dataclasses import dataclass
from typing import Any

from sandbox.inner.process import preload, reaper, wire
from sandbox.inner.process.egress_socket import open_door
from sandbox.inner.process.execute import execute, forget_server, remember_server
from sandbox.inner.walls import landlock
from sandbox.inner.walls.attached_process import attach
from sandbox.inner.walls.inner_walls import (
    NAMESPACES,
    RULES,
    WORKSPACE,
    Rlimits,
    Walls,
    bound_descriptors,
    confine,
    enclose,
    map_own_user,
    tighten,
    workspace_options,
)
from sandbox.inner.walls.layer import layer_shown, put_layer
from sandbox.inner.walls.new_root import build_root
from sandbox.inner.walls.seccomp import Filter, filter_file
from sandbox.inner.walls.sites import Site
from sandbox.inner.walls.syscalls import NEWNS, NEWUSER, clone, fork, unshare

_MESSAGE = 1 << 16
"""Bytes; a request of the host is far smaller."""
_PRELOADED = (
    *(
        "sandbox.inner.bridge.callee",
        "sandbox.inner.bridge.candidates",
        "sandbox.inner.checker.checker",
        "sandbox.inner.checker.trials",
        "sandbox.inner.process.agent",
    ),
    *("random", "datetime", "heapq", "string", "pathlib"),
)
"""What many runs would import themselves: ours, and of the standard library only."""


def main(descriptor: int) -> int:
    """Serve the host on a SEQPACKET socket. Returns only in a child, with the exit code of its program."""
    control = socket.socket(fileno=descriptor)
    settings = json.loads(control.recv(_MESSAGE))
    walls = _open(control, settings)
    wanted: list[str] = settings["preload"]
    site = Site()
    unloaded = [*_PRELOADED, ""]
    uid, gid = os.getuid(), os.getgid()
    flags = sum(flag for name, flag in NAMESPACES.items() if name not in walls.without)
    reaper.ignore_children()
    forget_server()  # here, once for all runs
    if wanted:
        site.settle()
        preload.load_once(wanted)
    gc.collect()
    gc.freeze()
    while True:
        while unloaded and not select.select([control], [], [], 0)[0]:
            _make_ready(unloaded.pop(0), site)
        request, descriptors = wire.receive_with_fds(control, _MESSAGE, wire.MOST)
        if not request:
            os._exit(0)
        if request == wire.LAYER:
            _answer_with_layer(walls, socket.socket(fileno=descriptors[0]))
            continue
        try:
            child = clone(flags)
        except OSError as error:
            _complain(descriptors[0], error)
            child = -1
        if child == 0:
            os.close(control.fileno())
            return _serve_one(Given(walls, site, wanted, (uid, gid)), request, descriptors)
        for inherited in descriptors:
            os.close(inherited)


def _make_ready(module: str, site: Site) -> None:
    """While nobody asks: import a module that runs will need, and last of all finish with the site."""
    if module:
        remember_server()
        importlib.import_module(module)
        forget_server()
    else:
        site.settle()
    gc.freeze()


def _open(control: socket.socket, settings: dict[str, Any]) -> Walls:
    """Make the workspace and hand it to the host, along with what this kernel can do."""
    uid, gid = os.getuid(), os.getgid()
    walls = Walls(
        disk_bytes=settings["disk_bytes"],
        shared_memory_bytes=settings["shared_memory_bytes"],
        files=settings["files"],
        open_files=settings["open_files"],
        filter=Filter(filter_file(memfd=settings["memfd"])),
        landlock=min(landlock.abi(), settings["landlock"]),
        without=frozenset(settings["without"]),
        processors=settings["processors"],
        attached=tuple(settings["attached"]),
        layered=tuple(settings["layered"]),
    )
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(walls.open_files, 64), most), most))
    unshare(NEWUSER | NEWNS)
    map_own_user(uid, gid)
    build_root(
        sys.executable,
        settings["hidden"],
        workspace=WORKSPACE,
        workspace_options=workspace_options(walls),
        kernel=settings["kernel"],
        devices_stay="devices" not in walls.without,
    )
    attach(WORKSPACE, walls.attached)
    os.chdir(WORKSPACE)
    workspace = os.open(WORKSPACE, os.O_PATH | os.O_DIRECTORY)
    hello = {"landlock": walls.landlock, "prefix": sys.prefix, "version": list(sys.version_info[:3])}
    wire.send_with_fds(control, json.dumps(hello).encode(), [workspace])
    os.close(workspace)
    return walls


def _answer_with_layer(walls: Walls, answer: socket.socket) -> None:
    try:
        layer = put_layer(walls)
    except OSError:
        layer = []
    with answer:
        wire.send_with_fds(answer, wire.READY if layer else wire.FAILED, layer)
    for descriptor in layer:
        os.close(descriptor)


@dataclass(frozen=True)
class Given:
    """What all runs of this sandbox have in common."""

    walls: Walls
    site: Site
    preload: list[str]
    owner: tuple[int, int]
    """uid and gid."""


def _serve_one(given: Given, request: bytes, descriptors: list[int]) -> int:
    """As a fresh clone: split into the reaper, which never returns, and the program.

    The reaper does next to nothing: each page of the server's that it touches is copied.
    """
    status, work, *groups = descriptors
    try:
        for group in groups:
            os.write(group, b"0")
        if json.loads(request)["session"]:
            return _serve_session(given, json.loads(request), status, work)
        reaper.block_signals()
        program = fork()
        if program:
            reaper.reap(program, status, end_the_rest="leftovers" not in given.walls.without)
        wanted = _isolate(given, json.loads(request))
    except OSError as error:
        _complain(status, error)
        os._exit(1)
    for inherited in (status, *groups):
        os.close(inherited)
    connection = socket.socket(fileno=work)
    if not _is_admitted(given, connection, wanted):
        return 0
    given.site.finish()
    if given.preload:
        connection.sendall(preload.answer(given.preload))
    received = wire.receive_job(connection)
    if received is None:
        return 0
    job, handed = received
    connection.close()
    tighten(given.walls, Rlimits(**job["rlimits"]))
    return execute(job, handed)


def _serve_session(given: Given, wanted: dict[str, Any], status: int, work: int) -> int:
    """As pid 1 of a session: the agent, within the walls that its commands inherit."""
    remember_server()
    agent = importlib.import_module("sandbox.inner.process.agent")
    score = agent.prepare(status, work)
    _isolate(given, wanted)
    os.write(status, wire.READY)
    connection = socket.socket(fileno=work)
    if not _is_admitted(given, connection, wanted):
        return 0
    received = wire.receive_job(connection)
    connection.close()
    code: int = agent.main(given.walls, received, score)
    return code


def _isolate(given: Given, wanted: dict[str, Any]) -> dict[str, Any]:
    """As the program: part from everything. Gives back what was asked for."""
    reaper.unblock_signals()
    preload.reseed()
    if "user" in given.walls.without:
        raise OSError("the user namespace of a run can't be left off: it gives the right to make the others")
    enclose(given.walls, *given.owner, fresh=wanted["fresh"])
    rules = layer_shown(given.walls) if wanted["session"] else ()
    confine(given.walls, Rlimits(**wanted["rlimits"]), rules=(*RULES, *rules))
    return wanted


def _is_admitted(given: Given, work: socket.socket, wanted: dict[str, Any]) -> bool:
    """Let the host look at this process first; only then may code of the task's interpreter run in it."""
    own = [os.open(WORKSPACE, os.O_PATH | os.O_DIRECTORY)] if wanted["fresh"] else []
    own += [open_door().detach()] if wanted["door"] else []
    wire.send_with_fds(work, wire.READY, own)
    for descriptor in own:
        os.close(descriptor)
    if work.recv(1) != wire.GO:
        return False
    bound_descriptors(given.walls)
    return True


def _complain(status: int, error: OSError) -> None:
    """Tell the host why this child can't be lent."""
    os.write(status, wire.FAILED + str(error).encode("utf-8", "replace")[:500])
