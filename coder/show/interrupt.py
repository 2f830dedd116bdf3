"""Run the one coroutine of a command; Ctrl-C, SIGTERM and SIGHUP cancel it, so that it can save and clean up.

A second signal ends the process at once and names the command that continues: the log is durable at every
moment, and sandboxes end with their owner.
"""

import asyncio
import contextlib
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

from coder.base.errors import CoderError, own_command
from coder.show.signals import (
    ENDINGS,
    INTERRUPTED,
    SIGNALS,
    end_at_once,
    interrupt_on_signals,
    leave_terminal,
)

T = TypeVar("T")
RESUME = f"{own_command()} resume"


class Interrupted(CoderError):
    """The user or the system asked the command to end."""

    exit_code = INTERRUPTED


def run_until_interrupted(
    work: Coroutine[Any, Any, T], *, run_id: Callable[[], str | None] = lambda: None, again: str = RESUME
) -> T:
    """The result of `work`; Interrupted where a signal has cancelled it.

    Args:
        run_id: gives the id of the run that can be continued, for the message.
        again: the command that continues, before the run's id.
    """

    def go_on() -> str | None:
        run = run_id()
        return f"{again} {run}" if run else None

    try:
        done = asyncio.run(_cancellable(work, go_on))
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        # From here on a signal still ends all at once: as an exception it could lose these words.
        command = go_on()
        saved = f"Interrupted and saved.\nGo on with: {command}" if command else "Interrupted."
        raise Interrupted(saved) from error
    except BaseException:
        interrupt_on_signals()
        raise
    interrupt_on_signals()
    return done


async def _cancellable(work: Coroutine[Any, Any, T], go_on: Callable[[], str | None]) -> T:
    task = asyncio.current_task()
    assert task is not None
    _cancel_at(SIGNALS, task, go_on)
    with _waking(asyncio.get_running_loop()):
        return await work


def _cancel_at(
    signals: Iterable[signal.Signals], task: asyncio.Task[Any], go_on: Callable[[], str | None]
) -> None:
    """Cancel a task at the first of these signals; a second one ends the process."""
    # Not loop.add_signal_handler: closing the loop would give SIGTERM back to the system for a moment.
    loop = asyncio.get_running_loop()

    def end(number: int, frame: FrameType | None) -> None:
        end_at_once(go_on())

    def cancel(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, end)
        if number not in ENDINGS:  # a terminal that closes may say so twice
            leave_terminal()
            signal.signal(number, signal.SIG_IGN)
        loop.call_soon_threadsafe(task.cancel)

    for each in signals:
        signal.signal(each, cancel)


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


async def until_ctrl_c(work: Coroutine[Any, Any, T], go_on: str, *, then: Callable[[], None]) -> T | None:
    """The result of `work`; None where Ctrl-C cancelled it. A second Ctrl-C ends the process."""
    task, before = asyncio.ensure_future(work), signal.getsignal(signal.SIGINT)
    _cancel_at([signal.SIGINT], task, lambda: go_on)
    try:
        return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
    finally:
        signal.signal(signal.SIGINT, before)
    then()
    return None
