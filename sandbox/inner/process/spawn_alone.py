"""Start one run without a server, in its own bubblewrap or in none.

It splits into the reaper and the program, confines the program, and takes its one job from the host, like a
child of the server. With namespaces it is their pid 1, and a session's agent in one; without, its reaper
finds every descendant, of the agent too.
"""

from __future__ import annotations

import json
import os
import socket
from contextlib import suppress
from typing import Any

from sandbox.inner.process import reaper, wire
from sandbox.inner.process.admission import run_agent, run_program, walls_of
from sandbox.inner.process.descendants import become_subreaper, processes_of
from sandbox.inner.walls.inner_walls import (
    RULES,
    Rlimits,
    Walls,
    bound_watching,
    confine,
    confine_in_place,
    hide_groups,
)
from sandbox.inner.walls.landlock import READ
from sandbox.inner.walls.sites import Site


def main(descriptor: int) -> int:
    """Run once, with settings read from a descriptor; return the exit code of the program.

    Settings:
        walls: Of all runs; rlimits, fresh, session: of this one.
        status, work, groups: Numbers of its sockets, and of files by which it joins control groups.
        workspace, environment: Start folder, and variables besides those of its job.
        namespaces: Whether it has its own. Without them also `rules` for Landlock, and `venv`, the path of
            the virtual environment or None; and `home`, the HOME of programs that work in place, or "".
        siblings: Number of other runs' processes that the kernel counts with this one's; the job updates it.
        shares_uid: Whether further processes, of no run, are counted too.
    """
    with open(descriptor, "rb") as file:
        settings: dict[str, Any] = json.load(file)
    status, work = settings["status"], socket.socket(fileno=settings["work"])
    siblings, strangers = settings["siblings"], 0
    if settings["shares_uid"]:
        strangers = max(0, processes_of(os.getuid()) - siblings)
    try:
        for group in settings["groups"]:
            os.write(group, b"0")
            os.close(group)
        walls = walls_of(settings["walls"], sockets=settings["namespaces"])
        _enter(settings["workspace"])
        if settings["session"] and settings["namespaces"]:
            return serve_session(settings, walls, status, work)
        reaper.block_signals()
        program = os.fork()
        if program:
            work.close()
            reap = reaper.reap if settings["namespaces"] else reaper.reap_descendants
            reap(program, status, end_the_rest="leftovers" not in walls.without)
        reaper.unblock_signals()
        if settings["session"]:
            become_subreaper()
            return serve_session(settings, walls, None, work)
        _confine(settings, walls, siblings + strangers)
    except OSError as error:
        wire.complain(status, error)
        os._exit(1)
    os.close(status)
    site = Site(settings["venv"]) if settings["venv"] else Site()

    def adjust(job: dict[str, Any]) -> dict[str, Any]:
        environment = {**settings["environment"], **job["environment"]}
        rlimits = _with_others(job["rlimits"], job["siblings"] + strangers)
        return {**job, "environment": environment, "rlimits": rlimits}

    return run_program(walls, work, _own(settings), site, adjust=adjust)


def serve_session(settings: dict[str, Any], walls: Walls, status: int | None, work: socket.socket) -> int:
    """Run a session's agent, as `admission.run_agent`; each command gets its own limit of processes."""
    folders = wire.SessionFolders()
    if status is None:
        settings["rlimits"]["processes"] = None
        settings["rules"] = settings["rules"] and [*settings["rules"], ("/proc", READ)]
        temporary = settings["environment"]["TMPDIR"]
        folders = wire.SessionFolders(
            settings["workspace"], temporary, settings["venv"] or "", settings["home"]
        )
    return run_agent(
        walls, status, work, lambda: _own(settings), lambda: _confine(settings, walls, 0), folders=folders
    )


def _own(settings: dict[str, Any]) -> list[int]:
    """Return the workspace of a fresh run, to send to the host; empty for any other run."""
    return [os.open(settings["workspace"], os.O_PATH | os.O_DIRECTORY)] if settings["fresh"] else []


def _confine(settings: dict[str, Any], walls: Walls, others: int) -> None:
    if settings["namespaces"]:
        for bound in (bound_watching, hide_groups):
            with suppress(OSError):  # some machines deny capabilities inside bubblewrap
                bound(walls)
    rlimits = Rlimits(**_with_others(settings["rlimits"], others))
    if settings["home"]:
        confine_in_place(walls, rlimits)
        return
    rules = [tuple(rule) for rule in settings["rules"]] if settings["rules"] is not None else RULES
    confine(walls, rlimits, rules=rules)


def _enter(workspace: str) -> None:
    if not os.access(workspace, os.X_OK):
        os.chmod(workspace, 0o700)  # a program removed our rights, and we have its uid
    os.chdir(workspace)


def _with_others(rlimits: dict[str, Any], others: int) -> dict[str, Any]:
    """Return a run's limits, raised by other processes of its uid: the kernel counts them too."""
    processes = rlimits["processes"]
    return {**rlimits, "processes": None if processes is None else processes + others}
