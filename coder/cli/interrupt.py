"""Run the one coroutine of a command; Ctrl-C and SIGTERM cancel it, so that it can save and clean up.

A second signal ends the process at once: the log is durable at every moment, and sandboxes die with their
owner.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from coder.cli.signals import interrupt_on_sigterm
from coder.errors import CoderError

T = TypeVar("T")
SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupted(CoderError):
    """The person or the system asked the command to end."""

    exit_code = 130


def run_until_interrupted(work: Coroutine[Any, Any, T], *, run_id: Callable[[], str | None]) -> T:
    """The result of `work`.

    Args:
        run_id: the run that has begun, asked for when the message names it.

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
        interrupt_on_sigterm()  # the loop has put the system's own handlers back


async def _cancellable(work: Coroutine[Any, Any, T]) -> T:
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def cancel() -> None:
        for number in SIGNALS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        if task is not None:
            task.cancel()

    if os.name == "posix":  # elsewhere asyncio.run turns Ctrl-C into a cancel by itself
        for number in SIGNALS:
            loop.add_signal_handler(number, cancel)
    return await work
