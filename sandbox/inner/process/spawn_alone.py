"""One run that no server forks: what is around it was built from outside, for it alone.

It parts into the reaper and the program, confines the program, and takes its one job from the host, as a
child of the server does. With namespaces of its own it is their pid 1; without, its reaper finds every
descendant by itself.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
from contextlib import suppress
from typing import Any

from sandbox.inner.process import preload, reaper, subreaper, wire
from sandbox.inner.process.execute import execute
from sandbox.inner.walls import landlock
from sandbox.inner.walls.inner_walls import (
    RULES,
    Rlimits,
    Walls,
    bound_descriptors,
    bound_watching,
    confine,
    hide_groups,
    tighten,
)
from sandbox.inner.walls.seccomp import Filter, filter_file
from sandbox.inner.walls.sites import Site


def main(descriptor: int) -> int:
    """Be one run, as the settings say that can be read from a descriptor; the exit code of its program.

    Settings: `walls` (what the host asked of all runs), `rlimits`, `fresh`, the numbers of the sockets
    `status` and `work` and of the `groups` that it joins, `workspace`, `environment` (what the program finds
    besides what its job says), `namespaces`: whether this run has its own, `siblings`: how many processes of
    other runs the kernel counts as this one's, and `shares_uid`: whether it counts some that are no run's.
    Without namespaces also `rules` for Landlock, and `venv`: where the virtual environment is on this
    machine, None where there is none. The job says anew how many `siblings` there are: some may have ended.
    """
    with open(descriptor, "rb") as file:
        settings: dict[str, Any] = json.load(file)
    status, work = settings["status"], socket.socket(fileno=settings["work"])
    siblings, strangers = settings["siblings"], 0
    if settings["shares_uid"]:
        strangers = max(0, subreaper.processes_of(os.getuid()) - siblings)
    try:
        for group in settings["groups"]:
            os.write(group, b"0")
            os.close(group)
        walls = _walls(settings)
        _enter(settings["workspace"])
        if settings["session"]:
            return serve_session(settings, walls, status, work)
        reaper.block_signals()
        program = os.fork()
        if program:
            work.close()
            end_the_rest = "leftovers" not in walls.without
            if settings["namespaces"]:
                reaper.reap(program, status, end_the_rest=end_the_rest)
            subreaper.reap(program, status, end_the_rest=end_the_rest)
        reaper.unblock_signals()
        _confine(settings, walls, siblings + strangers)
    except OSError as error:
        os.write(status, wire.FAILED + str(error).encode("utf-8", "replace")[:500])
        os._exit(1)
    os.close(status)
    site = Site(settings["venv"]) if settings["venv"] else Site()
    if not _is_admitted(settings, work):
        return 0
    bound_descriptors(walls)
    site.finish()
    if settings["walls"]["preload"]:
        work.sendall(preload.answer(settings["walls"]["preload"]))
    received = wire.receive_job(work)
    if received is None:
        return 0
    job, descriptors = received
    work.close()
    tighten(walls, _limits(job["rlimits"], job["siblings"] + strangers))
    environment = {**settings["environment"], **job["environment"]}
    return execute({**job, "environment": environment}, descriptors)


def serve_session(settings: dict[str, Any], walls: Walls, status: int, work: socket.socket) -> int:
    """As pid 1 of a session: the agent, within the walls that its commands inherit."""
    agent = importlib.import_module("sandbox.inner.process.agent")
    score = agent.prepare(status, work.fileno())
    _confine(settings, walls, 0)
    os.write(status, wire.READY)
    if not _is_admitted(settings, work):
        return 0
    bound_descriptors(walls)
    received = wire.receive_job(work)
    work.close()
    code: int = agent.main(walls, received, score)
    return code


def _is_admitted(settings: dict[str, Any], work: socket.socket) -> bool:
    """Let the host look at this process; only then may code of the task's interpreter run in it."""
    own = [os.open(settings["workspace"], os.O_PATH | os.O_DIRECTORY)] if settings["fresh"] else []
    wire.send_with_fds(work, wire.READY, own)
    for descriptor in own:
        os.close(descriptor)
    return work.recv(1) == wire.GO


def _confine(settings: dict[str, Any], walls: Walls, others: int) -> None:
    if settings["namespaces"]:
        for bound in (bound_watching, hide_groups):
            with suppress(OSError):  # some machines let nothing inside of bubblewrap use a capability
                bound(walls)
    rules = [tuple(rule) for rule in settings["rules"]] if settings["rules"] is not None else RULES
    confine(walls, _limits(settings["rlimits"], others), rules=rules)


def _enter(workspace: str) -> None:
    if not os.access(workspace, os.X_OK):
        os.chmod(workspace, 0o700)  # a program has closed it, and we have its uid
    os.chdir(workspace)


def _limits(given: dict[str, Any], others: int) -> Rlimits:
    """What a run may use; where its uid has other processes, the kernel counts them too."""
    return Rlimits(**{**given, "processes": given["processes"] + others})


def _walls(settings: dict[str, Any]) -> Walls:
    asked = settings["walls"]
    without = frozenset(asked["without"])
    path = filter_file(memfd=asked["memfd"], sockets=settings["namespaces"])
    return Walls(
        disk_bytes=asked["disk_bytes"],
        shared_memory_bytes=asked["shared_memory_bytes"],
        files=asked["files"],
        open_files=asked["open_files"],
        filter=None if "seccomp" in without else Filter(path),
        landlock=min(landlock.abi(), asked["landlock"]),
        without=without,
        processors=asked["processors"],
        layered=tuple(asked["layered"]),
    )
