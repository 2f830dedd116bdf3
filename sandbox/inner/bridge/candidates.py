"""Clone candidates, one after the other, from this process, whose walls they inherit.

A candidate can't affect this process: a clone reads its job from its own socket. Nothing outlives a clone
unnoticed: its processes are killed; it can create no IPC objects or unpaired sockets; and if it changed a
file or a file's attribute, this process isn't used again.
"""

from __future__ import annotations

import fcntl
import gc
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NoReturn

from sandbox.inner.bridge import callee
from sandbox.inner.bridge.candidate_line import HUNG_UP
from sandbox.inner.bridge.codec import encode
from sandbox.inner.process.descendants import become_subreaper
from sandbox.inner.process.execute import forget_server, reseed
from sandbox.inner.process.reaper import FIRST
from sandbox.inner.process.wire import Channel, close_all_but
from sandbox.inner.walls.inner_walls import lower
from sandbox.inner.walls.landlock import Filter, filter_file
from sandbox.inner.walls.syscalls import PR_SET_DUMPABLE, checked, end_by_cpu_time, fork, prctl

_EMPTY = (".", "/tmp", "/dev/shm")
_WRITABLE = (*_EMPTY, "/dev", "/dev/pts", "/dev/pts/ptmx")
_SHARED = (1, 2)
"""Output of all candidates: one open file description, whose state they share."""
_STATES = (fcntl.F_GETFL, fcntl.F_GETOWN, 11, 1032)
"""Flags, owner, signal (F_GETSIG), and size of the pipe (F_GETPIPE_SZ)."""
_GRAIN_S = 0.02
"""Coarsest resolution of a kernel's file times, in seconds."""
_POLL_INTERVAL_S = 0.001
_PATIENCE_S = 1.0
"""Seconds for a candidate that closed its socket to exit by itself, so that its exit status is reported."""


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Report whether candidates can be cloned here, and clone them until the host closes the channel.

    A frame with a socket starts one; the following frame, without a socket, ends it. `without` in `arguments`
    names disabled mechanisms: only tests name some, to see a probe escape.
    """
    without = frozenset(arguments["without"])
    if os.getpid() != FIRST or any(map(os.listdir, _EMPTY)):  # listing them changes a time, once
        channel.send(encode(("ready", False)))
        return
    _forbid_lasting_objects(without)
    untouched, states = _settled_marks(), _states()
    forget_server()
    sys.path.insert(0, os.getcwd())
    gc.collect()
    gc.freeze()
    channel.send(encode(("ready", True)))
    candidate = 0
    while True:
        word, line = channel.receive_with_line()
        if word is None:
            return
        if line is not None:
            candidate = fork()
            if candidate == 0:
                _become(line)
            line.close()
            continue
        ending = _end(candidate, hung_up=word == HUNG_UP, end_the_rest="leftovers" not in without)
        clean = "traces" in without or (_marks() == untouched and _states() == states)
        channel.send(encode(("over", *ending, clean)))


def _forbid_lasting_objects(without: frozenset[str]) -> None:
    """Forbid whatever outlives its process, and make this process unreadable for candidates."""
    become_subreaper()
    if "sockets" not in without:
        Filter(filter_file(memfd=False, sockets=False)).load()
    if "dumpable" not in without:
        checked(prctl(PR_SET_DUMPABLE, 0), "make this process unreadable to candidates")


def _settled_marks() -> list[int]:
    """Return the marks, after waiting until any later change would alter them."""
    marks = _marks()
    while max(marks) / 1e9 + _GRAIN_S > time.time() >= max(marks) / 1e9:
        time.sleep(_POLL_INTERVAL_S)
    return marks


def _marks() -> list[int]:
    """Return the change times of the paths a candidate may write to; programs can't set these times."""
    marks = []
    for place in _WRITABLE:
        with suppress(FileNotFoundError):
            marks.append(os.stat(place).st_ctime_ns)
    return marks


def _states() -> list[int]:
    """Read the state of the file descriptions that candidates share."""
    return [fcntl.fcntl(fd, state) for fd in _SHARED for state in _STATES]


def _become(line: Channel) -> NoReturn:
    """In a clone: read the job, and answer requests."""
    code = 1
    try:
        close_all_but(*_SHARED, line.fileno())
        os.open(os.devnull, os.O_RDONLY)  # 0 is its own: its locks and flags end with it
        os.setsid()
        checked(prctl(PR_SET_DUMPABLE, 1), "be as other programs are")
        reseed()
        job = json.loads(line.receive() or b"null")
        if job is not None:
            lower(resource.RLIMIT_CPU, job["cpu_s"], grace=1)
            os.nice(job["nice"])
            if "timer_s" in job:
                # The limit counts whole seconds. Code can stop the timer, and gains time up to that limit.
                with suppress(OSError):  # neighbours of its user have taken all timers
                    end_by_cpu_time(job["timer_s"])
            callee.serve(line, job)
        code = 0
    finally:
        os._exit(code)


def _end(candidate: int, *, hung_up: bool, end_the_rest: bool) -> tuple[int, bool, float, float]:
    """Kill a candidate; return wait status, whether it had ended before, CPU seconds, peak resident MiB."""
    ended_before = _cpu_s()
    deadline = time.monotonic() + (_PATIENCE_S if hung_up else 0)
    ended_pid, status, usage = os.wait4(candidate, os.WNOHANG)
    while not ended_pid and time.monotonic() < deadline:
        time.sleep(_POLL_INTERVAL_S)
        ended_pid, status, usage = os.wait4(candidate, os.WNOHANG)
    with suppress(ProcessLookupError):  # there is no such process
        os.kill(-1 if end_the_rest else candidate, signal.SIGKILL)
    if not ended_pid:
        _, status, usage = os.wait4(candidate, 0)
    peak_kib = usage.ru_maxrss
    while end_the_rest:
        try:
            peak_kib = max(peak_kib, os.wait4(-1, 0)[2].ru_maxrss)
        except ChildProcessError:
            break
    return status, bool(ended_pid), _cpu_s() - ended_before, peak_kib / 1024


def _cpu_s() -> float:
    """Return the CPU time of all children so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
