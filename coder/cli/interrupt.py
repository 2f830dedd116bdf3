"""Run the one coroutine of a command; Ctrl-C and SIGTERM cancel it, so that it can save and clean up.

A second signal ends the process at once: the log is durable at every moment, and sandboxes die with their
owner.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, TypeVar

from coder.cli.signals import INTERRUPTED, SIGNALS, interrupt_on_signals
from coder.errors import CoderError

T = TypeVar("T")


class Interrupted(CoderError):
    """The person or the system asked the command to end."""

    exit_code = INTERRUPTED


def run_until_interrupted(
    work: Coroutine[Any, Any, T], *, run_id: Callable[[], str | None] = lambda: None
) -> T:
    """The result of `work`.

    Args:
        run_id: the run that has begun and can be gone on with, asked for when the message names it.

    Raises:
        Interrupted: it was cancelled by a signal.
    """
    try:
        return asyncio.run(_cancellable(work))
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        run = run_id()
        saved = f"Interrupted and saved.\nGo on with: coder resume {run}" if run else "Interrupted."
        raise Interrupted(saved) from error
    finally:
        interrupt_on_signals()


async def _cancellable(work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    def cancel(number: int, frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, _end)
        loop.call_soon_threadsafe(task.cancel)

    # Not loop.add_signal_handler: closing the loop would give SIGTERM back to the system for a moment.
    for each in SIGNALS:
        signal.signal(each, cancel)
    with _waking(loop):
        return await work


@contextlib.contextmanager
def _waking(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have every signal wake the loop, also one that comes in the moment before it goes to sleep."""
    if sys.platform == "win32":  # there the loop does so itself
        yield
        return
    ours, the_systems = socket.socketpair()
    ours.setblocking(False)
    the_systems.setblocking(False)
    loop.add_reader(ours, ours.recv, 64)
    before = signal.set_wakeup_fd(the_systems.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        loop.remove_reader(ours)
        ours.close()
        the_systems.close()


def _end(number: int, frame: FrameType | None) -> None:
    os._exit(INTERRUPTED)
