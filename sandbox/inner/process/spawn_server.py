"""The server inside the outer wall: clone children that are isolated in advance.

It starts with an empty environment, has one thread, and never holds a program or a secret: the host talks to
each child over the child's own sockets, which pass through here once.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import socket
import sys
from typing import Any, NamedTuple

from sandbox.inner.process import reaper, wire
from sandbox.inner.process.admission import run_agent, run_program, walls_of
from sandbox.inner.process.execute import forget_server, preload, remember_server, reseed
from sandbox.inner.walls.inner_walls import (
    RULES,
    Rlimits,
    Walls,
    attach,
    confine,
    enclose,
    map_own_user,
    workspace_options,
)
from sandbox.inner.walls.layer import layer_shown, put_layer
from sandbox.inner.walls.new_root import build_root
from sandbox.inner.walls.places import EGRESS, WORKSPACE
from sandbox.inner.walls.sites import Site
from sandbox.inner.walls.syscalls import NAMESPACES, NEWNS, NEWUSER, clone, fork, unshare

_MESSAGE = 1 << 16
"""Bytes; the host's requests are far smaller."""
_WAITING = 64
_PRELOADED = ("traceback", "random", "datetime", "heapq", "string", "pathlib")
"""Modules of the standard library. Each Python program needs `traceback`; many need the others."""
_LOADED_AFTER = {2: 1, 8: len(_PRELOADED)}
"""Number of these modules imported, by number of children made; few sandboxes make eight."""


def main(descriptor: int) -> int:
    """Serve the host on a SEQPACKET socket. Returns only in a child, with its program's exit code."""
    control = socket.socket(fileno=descriptor)
    settings = json.loads(control.recv(_MESSAGE))
    walls = _open(control, settings)
    site = Site()
    preload(settings["preload"])  # before any child is made, each of which would import them
    loaded = 0
    uid, gid = os.getuid(), os.getgid()
    flags = sum(flag for name, flag in NAMESPACES.items() if name not in walls.without)
    reaper.ignore_children()
    forget_server()  # here, once for all runs
    gc.collect()
    gc.freeze()
    children = 0
    while True:
        request, descriptors = wire.receive_with_fds(control, _MESSAGE, wire.MAX_DESCRIPTORS)
        if not request:
            os._exit(0)
        if request == wire.LAYER:
            _answer_with_layer(walls, socket.socket(fileno=descriptors[0]))
            continue
        if request.startswith(wire.LOAD):
            _make_ready(request[len(wire.LOAD) :].decode())
            continue
        try:
            child = clone(flags)
        except OSError as error:
            wire.complain(descriptors[0], error)
            child = -1
        children += 1
        if child == 0:
            os.close(control.fileno())
            return _serve_one(Given(walls, site, (uid, gid)), request, descriptors)
        for inherited in descriptors:
            os.close(inherited)
        for module in _PRELOADED[loaded : _LOADED_AFTER.get(children, 0)]:
            _make_ready(module)
            loaded += 1
        if children == min(_LOADED_AFTER):
            site.settle()
            gc.freeze()


def _make_ready(module: str) -> None:
    """Import a module that runs will need."""
    remember_server()
    importlib.import_module(module)
    forget_server()
    gc.freeze()


def _open(control: socket.socket, settings: dict[str, Any]) -> Walls:
    """Create the workspace and send it to the host, with this kernel's features."""
    uid, gid = os.getuid(), os.getgid()
    walls = walls_of(settings)
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
        system=settings["system"],
        moved=settings["moved"],
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


class Given(NamedTuple):
    """What all runs of this sandbox share."""

    walls: Walls
    site: Site
    owner: tuple[int, int]
    """uid and gid."""


def _serve_one(given: Given, request: bytes, descriptors: list[int]) -> int:
    """As a fresh clone: split into the reaper, which never returns, and the program.

    The reaper does as little as possible: every server page that it touches is copied.
    """
    status, work, *groups = descriptors
    job: dict[str, Any] = json.loads(request)
    try:
        for group in groups:
            os.write(group, b"0")
        if job["session"]:
            remember_server()
            return run_agent(
                given.walls,
                status,
                socket.socket(fileno=work),
                lambda: _descriptors_for_host(job),
                lambda: _isolate(given, job),
            )
        reaper.block_signals()
        program = fork()
        if program:
            reaper.reap(program, status, end_the_rest="leftovers" not in given.walls.without)
        _isolate(given, job)
    except OSError as error:
        wire.complain(status, error)
        os._exit(1)
    for inherited in (status, *groups):
        os.close(inherited)
    return run_program(given.walls, socket.socket(fileno=work), _descriptors_for_host(job), given.site)


def _isolate(given: Given, wanted: dict[str, Any]) -> None:
    """As the program: enter new namespaces. Raises OSError if the user namespace is disabled."""
    reaper.unblock_signals()
    reseed()
    if "user" in given.walls.without:
        raise OSError("the user namespace of a run can't be left off: it gives the right to make the others")
    enclose(given.walls, *given.owner, fresh=wanted["fresh"])
    rules = (*RULES, *layer_shown(given.walls))
    confine(given.walls, Rlimits(**wanted["rlimits"]), rules=rules)


def _descriptors_for_host(wanted: dict[str, Any]) -> list[int]:
    """Return a run's descriptors for the host: its workspace, and its network access's listening socket.

    The socket listens in the run's network namespace; the host accepts the programs' connections.
    """
    own = [os.open(WORKSPACE, os.O_PATH | os.O_DIRECTORY)] if wanted["fresh"] else []
    return own + ([socket.create_server(EGRESS, backlog=_WAITING).detach()] if wanted["door"] else [])
