"""A checker that stands ready: holds one trial after the other, each in a process cloned before the first.

Nothing of a trial is left for the next one: its process ends, whatever it started is killed, what it wrote is
removed. A trial whose tests can't leave anything needs no process of its own. No candidate's code is ever
here, so the trials need no walls against each other.
"""

from __future__ import annotations

import gc
import json
import math
import os
import random
import resource
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.codec import encode
from sandbox.inner.bridge.frames import REPORT
from sandbox.inner.checker import case_trial
from sandbox.inner.process.descendants import become_subreaper, end_descendants
from sandbox.inner.process.execute import forget_server
from sandbox.inner.process.reaper import FIRST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NoReturn

    from sandbox.inner.process.channel import Channel

_COLLECTED_AFTER = 16
"""Trials in this process: what is left of one are some cycles."""


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Hold trials until the host closes the channel; each begins with a frame of its arguments, in JSON."""
    forget_server()
    become_subreaper()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # nobody reads what tests print, and it must not add up
        os.dup2(nowhere, stream)
    gc.set_threshold(20_000)  # in a clone a collection touches, and so copies, pages of this process
    gc.collect()
    gc.freeze()
    held = 0
    while True:
        frame, line = channel.receive_with_line()
        if frame is None:
            return
        given = json.loads(frame)
        case_trial.prepare(given)
        if given["tidy"] and _limit_cpu(given["cpu_s"]):
            _hold_here(channel, line, given)
            held += 1
            if held % _COLLECTED_AFTER == 0:
                gc.collect()
        else:
            _hold_in_clone(channel, line, given)


def _hold_here(channel: Channel, line: Channel | None, given: Mapping[str, Any]) -> None:
    """A trial that can leave nothing behind. What ends it otherwise than by its verdict ends this process."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    random.seed()
    last = case_trial.hold(channel, given, line)
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    channel.send_all([*last, _over(0, spent, after.ru_maxrss)])


def _hold_in_clone(channel: Channel, line: Channel | None, given: Mapping[str, Any]) -> None:
    process = os.fork()
    if process == 0:
        _become(channel, line, given)
    if line is not None:
        line.close()
    _, status, usage = os.wait4(process, 0)
    _clear_up()
    channel.send(_over(status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss))
    if status:
        os._exit(1)  # it may have died in the middle of a frame: what follows can't be told apart from it


def _become(channel: Channel, line: Channel | None, given: Mapping[str, Any]) -> NoReturn:
    code = 1
    try:
        _limit_cpu(given["cpu_s"])
        random.seed()
        channel.send_all(case_trial.hold(channel, given, line))
        code = 0
    finally:
        os._exit(code)


def _limit_cpu(seconds: int) -> bool:
    """Let this process have so much more of CPU time; whether its hard limit leaves that."""
    used = math.ceil(time.process_time())
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    wanted = used + seconds
    enough = hard == resource.RLIM_INFINITY or wanted <= hard
    resource.setrlimit(resource.RLIMIT_CPU, (wanted if enough else hard, hard))
    return enough


def _over(status: int, cpu_s: float, resident_kib: int) -> bytes:
    return REPORT + encode(("over", status, cpu_s, resident_kib / 1024))


def _clear_up() -> None:
    """End what the tests started, and remove what they wrote, as far as nobody else's is there."""
    if os.getpid() != FIRST:
        end_descendants()
        _empty(os.getcwd())
        return
    with suppress(ProcessLookupError, ChildProcessError):  # there is nobody, or nobody is left
        os.kill(-1, signal.SIGKILL)
        while True:
            os.waitpid(-1, 0)
    for folder in (os.getcwd(), "/tmp", "/dev/shm"):
        _empty(folder)


def _empty(folder: str) -> None:
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path) and not os.path.islink(path):
            with suppress(OSError):  # tests can close a folder; the next trial finds its name at most
                _empty(path)
                os.rmdir(path)
        else:
            os.unlink(path)
