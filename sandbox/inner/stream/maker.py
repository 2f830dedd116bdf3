"""Make the children of an agent: a process that never holds a program, an argument or a secret.

A fork has its parent's memory, so the agent, through which all of that passes, doesn't fork. It tells this
process, which was forked before it served anything, what to make; the child's job comes over the child's own
socket. Messages are JSON: `made` with a pid, or `failed`, for each order; `ended` for each child.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
from contextlib import suppress
from typing import Any

from sandbox.inner.process import wire
from sandbox.inner.process.admission import run_program, walls_of
from sandbox.inner.process.descendants import child_exit_descriptor
from sandbox.inner.process.execute import forget_server, remember_server, reseed
from sandbox.inner.process.tidy import tidy
from sandbox.inner.walls.inner_walls import Rlimits, Walls, bound_descriptors, confine
from sandbox.inner.walls.landlock import UNSCOPED
from sandbox.inner.walls.sites import Site
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, drop_bounding_set, fork, prctl, write_file

_MESSAGE = 1 << 16
_PRELOADED = (
    *("sandbox.inner.checker.checker", "sandbox.inner.bridge.callee"),
    *("traceback", "random", "datetime", "pathlib"),
)
_FIRST_CHILDREN = 3
"""Children that are forked before it imports these modules: a fresh run needs two, one of them spare."""
_NO_VENV = ""
_LOOSE = Rlimits(1 << 40, None, None, None)
"""Limits of a child until it gets those of its job."""


def main(control: socket.socket, settings: dict[str, Any]) -> int:
    """Make children until the agent is gone. Returns only in a child, with its program's exit code."""
    woken = child_exit_descriptor()
    walls, site = walls_of(settings), Site(_NO_VENV)
    unloaded, children = list(_PRELOADED), 0
    waited_for = [control.fileno(), woken]
    if settings["uid"] is None:  # programs are of our uid, and may write where our modules are
        while unloaded:
            importlib.import_module(unloaded.pop(0))
    forget_server()
    gc.collect()
    gc.freeze()
    while True:
        while unloaded and children >= _FIRST_CHILDREN and not select.select(waited_for, [], [], 0)[0]:
            remember_server()
            importlib.import_module(unloaded.pop(0))
            forget_server()
            gc.freeze()
        ready, _, _ = select.select(waited_for, [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap(control)
        if control.fileno() not in ready:
            continue
        request, descriptors = wire.receive_with_fds(control, _MESSAGE, 1)
        if not request:
            os._exit(0)
        children += 1
        try:
            child = fork()
        except OSError as error:
            _say(control, {"failed": str(error)})
            child = -1
        if child == 0:
            return _become(settings, walls, site, json.loads(request), socket.socket(fileno=descriptors[0]))
        os.close(descriptors[0])
        if child > 0:
            _say(control, {"made": child})


def _reap(control: socket.socket) -> None:
    with suppress(ChildProcessError):
        while True:
            pid, how, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                return
            _say(control, {"ended": pid, "how": how, "cpu_s": usage.ru_utime + usage.ru_stime})


def _say(control: socket.socket, message: dict[str, Any]) -> None:
    try:
        control.send(json.dumps(message).encode())
    except OSError:
        os._exit(0)  # the agent is gone, and the container with it


def _become(
    settings: dict[str, Any], walls: Walls, site: Site, request: dict[str, Any], work: socket.socket
) -> int:
    """As a new child: confine it, and run what the agent sends."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    reseed()
    try:
        _open_to_itself()
        write_file("/proc/self/oom_score_adj", "1000")  # the kernel kills it first when memory is short
        if "capabilities" not in walls.without:
            drop_bounding_set()  # here: a change of uid takes the right to
        if settings["uid"] is not None:
            uid, gid = settings["uid"], request["gid"]
            os.setgroups([])
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
            _open_to_itself()
        _enter(settings["workspace"])
        if request["tidy"] and settings["tidy"]:
            tidy(settings["tidy"])
        os.umask(0o022)
        if request["stays"]:  # commands of a session may signal one another
            walls = walls._replace(landlock=min(walls.landlock, UNSCOPED))
        bound_descriptors(walls)
        confine(walls, _LOOSE, rules=settings["rules"])
    except OSError as error:
        wire.complain(work.fileno(), error)
        os._exit(1)
    return run_program(walls, work, [], site)


def _enter(workspace: str) -> None:
    if not os.access(workspace, os.X_OK):
        os.chmod(workspace, 0o700)  # a program removed our rights, and we have its uid
    os.chdir(workspace)


def _open_to_itself() -> None:
    """Let this process read its own files in /proc, which a change of uid or the agent has closed to it."""
    checked(prctl(PR_SET_DUMPABLE, 1), "be dumpable")
