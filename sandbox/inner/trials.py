"""A checker that stands ready: holds one trial after the other, each in a process cloned before the first.

Nothing of a trial is left for the next one: its process ends, whatever it started is killed, what it wrote is
removed. No candidate's code is ever here, so the trials need no walls against each other.
"""

from __future__ import annotations

import gc
import json
import os
import random
import resource
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sandbox.inner import trial
from sandbox.inner.codec import encode
from sandbox.inner.descendants import become_subreaper, end_descendants
from sandbox.inner.execute import forget_server
from sandbox.inner.frames import REPORT
from sandbox.inner.reaper import FIRST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.inner.channel import Channel


def main(channel: Channel, arguments: Mapping[str, Any]) -> None:
    """Hold trials until the host closes the channel; each begins with a frame of its arguments, in JSON."""
    forget_server()
    become_subreaper()
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):  # nobody reads what tests print, and it must not add up
        os.dup2(nowhere, stream)
    gc.collect()
    gc.freeze()
    while True:
        frame, line = channel.receive_with_line()
        if frame is None:
            return
        given = json.loads(frame)
        trial.prepare(given)
        process = os.fork()
        if process == 0:
            _hold(channel, line, given)
        if line is not None:
            line.close()
        _, status, usage = os.wait4(process, 0)
        _clear_up()
        spent = usage.ru_utime + usage.ru_stime
        channel.send(REPORT + encode(("over", status, spent, usage.ru_maxrss / 1024)))
        if status:
            os._exit(1)  # it may have died in the middle of a frame: what follows can't be told apart from it


def _hold(channel: Channel, line: Channel | None, given: Mapping[str, Any]) -> None:
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = given["cpu_s"] if hard == resource.RLIM_INFINITY else min(given["cpu_s"], hard)
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))
    random.seed()
    gc.set_threshold(20_000)  # a collection touches, and so copies, pages of the process that this one is of
    code = 1
    try:
        trial.main(channel, given, line)
        code = 0
    finally:
        os._exit(code)


def _clear_up() -> None:
    """End what the tests started, and remove what they wrote, as far as nobody else's is there."""
    if os.getpid() != FIRST:
        end_descendants()
        _empty(os.getcwd())
        return
    with suppress(ProcessLookupError):  # there is nobody
        os.kill(-1, signal.SIGKILL)
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
