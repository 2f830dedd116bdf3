"""A signal cancels the work of a command, whenever it comes."""

import subprocess
import sys

_NOT_TO_THE_MAIN_THREAD = """
import asyncio, os, signal, threading, time
from coder.cli.interrupt import Interrupted, run_until_interrupted

async def work():
    await asyncio.sleep(0)
    threading.Thread(target=lambda: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGINT))).start()
    # From here on the system gives the signal to the other thread, and the sleep of this one goes on,
    # as if it had come in the moment before that.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    await asyncio.sleep(60)

try:
    run_until_interrupted(work(), run_id=lambda: None)
except Interrupted as error:
    print(error)
"""


def test_a_signal_that_does_not_wake_the_main_thread_cancels_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NOT_TO_THE_MAIN_THREAD], capture_output=True, text=True, timeout=30
    )

    assert done.stdout == "Interrupted.\n", done.stderr
