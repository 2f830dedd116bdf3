"""What the kernel counts by user: what one run takes of it must not be missing for another one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sandbox.contract import Sandbox
from sandbox.policy import Limits
from tests.contracts.rules.source import python

_HOLDS = """
import array, ctypes, fcntl, os, signal, socket
libc = ctypes.CDLL(None)

def in_flight():
    pairs = []
    try:
        while len(pairs) < 64:
            pairs.append(socket.socketpair())
            for _ in range(2):
                rights = array.array('i', [0] * 200)
                pairs[-1][0].sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
    except OSError:
        return pairs

def timers():
    event, timer = (ctypes.c_long * 16)(0, signal.SIGRTMIN), ctypes.c_void_p()
    while libc.timer_create(0, event, ctypes.byref(timer)) == 0:
        pass

def watches():
    while libc.inotify_init() >= 0:
        pass

held = {what}()
print('holding', flush=True)
signal.pause()
"""


@asynccontextmanager
async def _held(box: Sandbox, what: str) -> AsyncIterator[None]:
    """While another run of the sandbox holds as much as it can get."""
    holds = asyncio.Event()
    source = _HOLDS.replace("{what}", what)
    greedy = asyncio.create_task(
        box.run(python(source), limits=Limits(wall_s=60), on_output=lambda *_: holds.set(), fresh=True)
    )
    holding = asyncio.create_task(holds.wait())
    try:
        await asyncio.wait((greedy, holding), return_when=asyncio.FIRST_COMPLETED)
        assert holds.is_set(), greedy.result()
        yield
        assert not greedy.done(), greedy.result()
    finally:
        holding.cancel()
        greedy.cancel()
        await asyncio.gather(greedy, holding, return_exceptions=True)


async def descriptors_in_flight_break_no_other_run(box: Sandbox) -> None:
    """Of those that are on their way between sockets the kernel allows a user so many."""
    source = "import subprocess; print(subprocess.run(['echo', 'ran'], capture_output=True).stdout)"
    async with _held(box, "in_flight"):
        for number in range(6):  # more than were made before
            result = await box.run(python(source), fresh=True, files={"given": b"%d" % number})

            assert result.stdout == "b'ran\\n'\n", result


async def timers_of_one_run_leave_another_its_own(box: Sandbox) -> None:
    """Each takes one of the signals that a user may have pending."""
    source = """
import ctypes, signal
event, timer = (ctypes.c_long * 16)(0, signal.SIGRTMIN), ctypes.c_void_p()
print([ctypes.CDLL(None).timer_create(0, event, ctypes.byref(timer)) for _ in range(64)] == [0] * 64)
"""
    async with _held(box, "timers"):
        result = await box.run(python(source), fresh=True)

    assert result.stdout == "True\n", result


async def watches_of_one_run_leave_another_its_own(box: Sandbox) -> None:
    """Of inotify instances the kernel allows a user 128."""
    async with _held(box, "watches"):
        result = await box.run(
            python("import ctypes; print(ctypes.CDLL(None).inotify_init() >= 0)"), fresh=True
        )

    assert result.stdout == "True\n", result


BYSTANDERS = (
    descriptors_in_flight_break_no_other_run,
    timers_of_one_run_leave_another_its_own,
    watches_of_one_run_leave_another_its_own,
)
