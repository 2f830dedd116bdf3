"""A signal cancels the work of a command, whenever it comes."""

import os
import pty
import subprocess
import sys
import termios

import pytest

_NOT_TO_THE_MAIN_THREAD = """
import asyncio, os, signal, threading, time
from coder.show.interrupt import Interrupted, run_until_interrupted

async def work():
    await asyncio.sleep(0)
    threading.Thread(target=lambda: (time.sleep(0.2), os.kill(os.getpid(), signal.SIGINT))).start()
    # From here on the system gives the signal to the other thread, and the sleep of this one goes on,
    # as if it had come in the moment before that.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    await asyncio.sleep(60)

try:
    run_until_interrupted(work())
except Interrupted as error:
    print(error)
"""


@pytest.mark.slow
def test_a_signal_that_does_not_wake_the_main_thread_cancels_all_the_same() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _NOT_TO_THE_MAIN_THREAD], capture_output=True, text=True, timeout=60
    )

    assert done.stdout == "Interrupted.\n", done.stderr


_WITH_IMPORTS = """
import gc
import coder.engine.agent
from coder.show.interrupt import run_until_interrupted

async def work():
    print(gc.get_freeze_count() > 10_000, len(gc.get_objects()) < 5_000)

run_until_interrupted(work())
"""


@pytest.mark.slow
def test_no_collection_scans_what_a_command_has_imported() -> None:
    done = subprocess.run([sys.executable, "-c", _WITH_IMPORTS], capture_output=True, text=True, timeout=60)

    assert done.stdout.split() == ["True", "True"], done.stderr


_WHERE_EXCEPTIONS_ARE_LOST = """
import os, signal, weakref
from coder.show.signals import end_on_signals, interrupt_on_signals

class Imported: ...

{mode}_on_signals()
imported = Imported()
kept = weakref.ref(imported, lambda _: os.kill(os.getpid(), signal.SIGTERM))
del imported
print("it went on")
"""


@pytest.mark.parametrize(("mode", "code"), [("end", 130), ("interrupt", 0)])
def test_a_signal_ends_a_command_also_where_python_would_lose_an_exception(mode: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _WHERE_EXCEPTIONS_ARE_LOST.format(mode=mode)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert done.returncode == code
    assert done.stderr.startswith("error: Interrupted." if mode == "end" else "Exception ignored in")


_TWO_SIGNALS = """
import asyncio, os, signal, time
from coder.show.interrupt import Interrupted, run_until_interrupted

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

async def work():
    try:
        interrupt()
        await asyncio.sleep(60)
    finally:
        {while_it_saves}

try:
    run_until_interrupted(work(), run_id=lambda: "run_1")
except Interrupted as error:
    interrupt()
    print("it went on")
"""


@pytest.mark.slow
@pytest.mark.parametrize("while_it_saves", ["interrupt(); time.sleep(60)", "pass"], ids=["before", "after"])
def test_a_second_signal_before_or_after_all_is_saved_does_not_lose_how_to_go_on(while_it_saves: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _TWO_SIGNALS.format(while_it_saves=while_it_saves)],
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "error: Interrupted.\n  Go on with: coder resume run_1\n"


_ENDS_IN_THE_MODES_OF_AN_INPUT_LINE = """
import sys, termios, tty
from coder.show.signals import end_at_once, keep_terminal_modes

{keep}
tty.setraw(0, termios.TCSANOW)
end_at_once()
"""


@pytest.mark.parametrize("keeps", [True, False])
def test_a_second_signal_gives_the_terminal_its_echo_back(keeps: bool) -> None:
    keep = "keep_terminal_modes()" if keeps else ""
    terminal, its_end = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ENDS_IN_THE_MODES_OF_AN_INPUT_LINE.format(keep=keep)],
            stdin=its_end,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
        echoes = bool(termios.tcgetattr(its_end)[3] & termios.ECHO)
    finally:
        os.close(terminal)
        os.close(its_end)

    assert done.stderr == "error: Interrupted.\n"
    assert echoes is keeps
