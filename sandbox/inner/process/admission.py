"""Admit a confined child: the host verifies it and gives it its one job."""

from __future__ import annotations

import importlib
import os
import socket
from collections.abc import Callable
from typing import Any, NoReturn

from sandbox.inner.process import wire
from sandbox.inner.process.execute import execute
from sandbox.inner.walls import landlock
from sandbox.inner.walls.inner_walls import Rlimits, Walls, bound_descriptors, tighten
from sandbox.inner.walls.landlock import Filter, filter_file
from sandbox.inner.walls.sites import Site

_USUAL_FOLDERS = wire.SessionFolders()


def walls_of(asked: dict[str, Any], *, sockets: bool = True) -> Walls:
    """Make the walls that the host asked for; `sockets`: whether a network namespace contains them."""
    without = frozenset(asked["without"])
    path = filter_file(memfd=asked["memfd"], sockets=sockets)
    return Walls(
        disk_bytes=asked["disk_bytes"],
        shared_memory_bytes=asked["shared_memory_bytes"],
        files=asked["files"],
        open_files=asked["open_files"],
        filter=None if "seccomp" in without else Filter(path),
        landlock=min(landlock.abi(), asked["landlock"]),
        without=without,
        processors=asked["processors"],
        attached=tuple(asked["attached"]),
        layered=tuple(asked["layered"]),
    )


def run_program(
    walls: Walls,
    work: socket.socket,
    own: list[int],
    site: Site,
    *,
    adjust: Callable[[dict[str, Any]], dict[str, Any]] = lambda job: job,
) -> int:
    """Verify and run one program; return its exit code. Exits with 0 if the host discards this child.

    Args:
        own: Descriptors for the host, closed here.
        site: Finished after verification, as it may run untrusted code, and before the job comes, which
            that code must not see.
        adjust: Changes the job.
    """
    if _await_admission(walls, work, own) == wire.GO:
        site.finish()
    received = wire.receive_job(work)
    if received is None:
        os._exit(0)  # without freeing our modules, which takes longer than many runs
    job, descriptors = adjust(received[0]), received[1]
    work.close()
    tighten(walls, Rlimits(**job["rlimits"]))
    return execute(job, descriptors)


def run_agent(
    walls: Walls,
    status: int | None,
    work: socket.socket,
    own: Callable[[], list[int]],
    confine: Callable[[], None],
    *,
    folders: wire.SessionFolders = _USUAL_FOLDERS,
) -> NoReturn:
    """Run the session's agent, within the walls that its commands inherit.

    It is pid 1 and reports itself; without a pid namespace its parent is a reaper, and `status` None.
    """
    agent = importlib.import_module("sandbox.inner.process.agent")
    kind = agent.CommandAgent
    if status is None:
        kind = importlib.import_module("sandbox.inner.process.agent_alone").AgentAlone
    score = agent.prepare(work.fileno(), *([status] if status is not None else []))
    confine()
    if status is not None:
        os.write(status, wire.READY)
    _await_admission(walls, work, own())
    received = wire.receive_job(work)
    work.close()
    os._exit(agent.main(walls, received, score, folders, kind))


def _await_admission(walls: Walls, work: socket.socket, own: list[int]) -> bytes:
    """Let the host verify this process before it may run the task interpreter's code; return its word.

    Exits with 0 if the host discards this child.
    """
    wire.send_with_fds(work, wire.READY, own)
    for descriptor in own:
        os.close(descriptor)
    word = work.recv(1)
    if word not in (wire.GO, wire.GO_BARE):
        os._exit(0)
    bound_descriptors(walls)
    return word
