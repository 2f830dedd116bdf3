"""Run the coroutine of a command; Ctrl-C, SIGTERM and SIGHUP cancel it, so that it can save and clean up.

A second signal ends the process at once and prints the command that continues: the log is always durable,
and sandboxes end with their owner.
"""

import asyncio
import contextlib
import gc
import signal
import socket
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator
from types import FrameType
from typing import Any, TypeVar

from coder.base.errors import CoderError, own_command
from coder.show.signals import (
    END_SIGNALS,
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
    work: Coroutine[Any, Any, T],
    *,
    run_id: Callable[[], str | None] = lambda: None,
    resume_prefix: str = RESUME,
) -> T:
    """Return the result of `work`. Raises Interrupted if a signal has cancelled it.

    Args:
        run_id: returns the id of the run that can be continued, for the message.
        resume_prefix: the command that continues, without the run's id.
    """

    def resume_command() -> str | None:
        run = run_id()
        return f"{resume_prefix} {run}" if run else None

    gc.freeze()  # what is imported isn't garbage, and one collection that scans it takes 0.04 s
    try:
        result = asyncio.run(_cancellable(work, resume_command))
    except (asyncio.CancelledError, KeyboardInterrupt) as error:
        # Signals still end the process at once here: an exception could lose this message.
        command = resume_command()
        message = f"Interrupted and saved.\nGo on with: {command}" if command else "Interrupted."
        raise Interrupted(message) from error
    except BaseException:
        interrupt_on_signals()
        raise
    interrupt_on_signals()
    return result


async def _cancellable(work: Coroutine[Any, Any, T], go_on: Callable[[], str | None]) -> T:
    task = asyncio.current_task()
    assert task is not None
    _cancel_at(SIGNALS, task, go_on)
    with _waking(asyncio.get_running_loop()):
        return await work


def _cancel_at(
    signals: Iterable[signal.Signals], task: asyncio.Task[Any], go_on: Callable[[], str | None]
) -> None:
    """Cancel a task at the first of these signals; a second signal ends the process."""
    # Not loop.add_signal_handler: closing the loop would give SIGTERM back to the system for a moment.
    loop = asyncio.get_running_loop()

    def end(number: int, frame: FrameType | None) -> None:
        end_at_once(go_on())

    def cancel(number: int, frame: FrameType | None) -> None:
        for number_of_signal in signals:
            signal.signal(number_of_signal, end)
        if number not in END_SIGNALS:  # a closing terminal may send the signal twice
            leave_terminal()
            signal.signal(number, signal.SIG_IGN)
        loop.call_soon_threadsafe(task.cancel)

    for number_of_signal in signals:
        signal.signal(number_of_signal, cancel)


@contextlib.contextmanager
def _waking(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Make every signal wake the loop, even one that arrives just before the loop waits."""
    if sys.platform == "win32":  # the loop of Windows wakes by itself
        yield
        return
    read_socket, write_socket = socket.socketpair()
    read_socket.setblocking(False)
    write_socket.setblocking(False)
    loop.add_reader(read_socket, read_socket.recv, 64)
    previous_descriptor = signal.set_wakeup_fd(write_socket.fileno(), warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(previous_descriptor)
        loop.remove_reader(read_socket)
        read_socket.close()
        write_socket.close()


async def until_ctrl_c(work: Coroutine[Any, Any, T], go_on: str, *, then: Callable[[], None]) -> T | None:
    """Return the result of `work`; None if Ctrl-C cancelled it. A second Ctrl-C ends the process."""
    task, previous_handler = asyncio.ensure_future(work), signal.getsignal(signal.SIGINT)
    _cancel_at([signal.SIGINT], task, lambda: go_on)
    try:
        return await task
    except asyncio.CancelledError:
        current = asyncio.current_task()
        if current is not None and current.cancelling():
            raise
    finally:
        signal.signal(signal.SIGINT, previous_handler)
    then()
    return None
