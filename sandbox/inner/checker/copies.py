"""Run a test again from the state before it: a copy of the checker's process waits there.

The copy answers the test's requests by what was recorded. A candidate is never asked.
"""

from __future__ import annotations

import marshal
import os
import select
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from sandbox.inner.checker.counter_trial import Unusable
from sandbox.inner.process.wire import Channel, Duplex, FrameTooLarge

_FACTOR, _EXTRA_S = 12.0, 0.5
"""Wall seconds of one run: a multiple of the unchanged one's, and some more."""
_PASSED, _FAILED, _UNUSABLE = b"p", b"f", b"u"


class Began(BaseException):
    """Raised in a copy that is to run the test: it goes on where the test begins."""


class Copy:
    """A copy of this process, made at the beginning of a test, that can run the test many times."""

    def __init__(self, process: int, descriptors: tuple[int, int]) -> None:
        self._process, self._descriptors = process, descriptors

    def ask(self, job: tuple[Any, ...]) -> Any:
        """Return what the copy's `serve` returns for a job; None if it ended before. Both are plain data."""
        channel = Channel(Duplex(*self._descriptors))
        with suppress(OSError, FrameTooLarge):
            channel.send(marshal.dumps(job))
            answer = channel.receive()
            return None if answer is None else marshal.loads(answer)
        return None

    def end(self) -> None:
        """End it."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        _kill(self._process)


def make_copy(serve: Callable[[Any], Any]) -> Copy | None:
    """Return a copy of this process; None if there can be none. In its own copies it raises Began.

    Args:
        serve: what the copy does with its job; it calls `CopyRuns.passes`.
    """
    jobs, answers = os.pipe(), os.pipe()
    ours, others = (answers[0], jobs[1]), (jobs[0], answers[1])
    try:
        process = os.fork()
    except OSError:
        process = -1
    for descriptor in ours if process == 0 else others if process > 0 else (*ours, *others):
        os.close(descriptor)
    if process == 0:
        _serve(Channel(Duplex(*others)), serve)
    return Copy(process, ours) if process > 0 else None


def _serve(channel: Channel, serve: Callable[[Any], Any]) -> NoReturn:
    try:
        job = channel.receive()
        if job is not None:
            channel.send(marshal.dumps(serve(marshal.loads(job))))
    except Began:
        raise
    except BaseException:  # noqa: BLE001 - it then has no answer
        os._exit(1)
    os._exit(0)


class CopyRuns:
    """Runs of a test in copies of the copy, which has only these."""

    def __init__(self, seconds: float) -> None:
        """`seconds`: wall time of all runs."""
        self._ends = time.monotonic() + seconds
        self._longest = seconds
        self._verdict = -1

    def passes(self, begin: Callable[[], None]) -> bool:
        """Return whether the test passes after `begin`. Raises Unusable; in the copy that runs it, Began."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise Unusable
        reading, writing = os.pipe()
        started = time.monotonic()
        process = os.fork()
        if process == 0:
            self._verdict = writing
            with suppress(OSError):
                os.setpgid(0, 0)
            begin()
            raise Began
        os.close(writing)
        try:
            ready, _, _ = select.select([reading], [], [], min(left, self._longest))
            verdict = os.read(reading, 1) if ready else b""
        finally:
            os.close(reading)
            _kill(process)
        if self._longest > left:  # of the unchanged run
            self._longest = _FACTOR * (time.monotonic() - started) + _EXTRA_S
        if verdict == _UNUSABLE or (not ready and time.monotonic() >= self._ends):
            raise Unusable
        return verdict == _PASSED

    @property
    def is_copy(self) -> bool:
        """Whether this process runs the test again."""
        return self._verdict >= 0

    def end(self, *, passed: bool, usable: bool) -> NoReturn:
        """End this process, which ran the test."""
        os.write(self._verdict, (_PASSED if passed else _FAILED) if usable else _UNUSABLE)
        os._exit(0)


def _kill(process: int) -> None:
    for kill in (os.killpg, os.kill):
        with suppress(OSError):
            kill(process, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(process, 0)
