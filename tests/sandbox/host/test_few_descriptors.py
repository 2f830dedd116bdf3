"""A process that has few descriptors left: it is told so, none is left open, and later ones work."""

import subprocess
import sys

import pytest

SCRIPT = """
import asyncio, os, resource, sys

from sandbox import Policy, PythonCode, open_sandbox
from sandbox.errors import SandboxError

PRINT = PythonCode(source="print(1)")
HARD = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def count_open():
    return len(os.listdir("/proc/self/fd"))


def leave(free):
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, HARD))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        for descriptor in held[len(held) - free :]:
            os.close(descriptor)
        return held[: len(held) - free]


async def opening(_):
    async with open_sandbox(Policy(), backend="bubblewrap") as box:
        assert (await box.run(PRINT)).ok


async def run(box):
    assert (await box.run(PRINT, stdin=b"some")).ok


async def runs_at_once(box):
    done = await asyncio.gather(*(box.run(PRINT) for _ in range(4)), return_exceptions=True)
    errors = [one for one in done if isinstance(one, Exception)]
    assert all(one.ok for one in done if one not in errors)
    for error in errors:
        raise error


async def fresh_run(box):
    assert (await box.run(PRINT, fresh=True, files={"one": b""})).ok


async def session(box):
    async with box.session() as one:
        assert (await one.run("true")).exit_code == 0


async def entry(box):
    running = await box.start("process.echo", {}, fresh=True, files={"one": b""})
    await running.finish()


async def try_with(free, act, box):
    held = leave(free)
    try:
        await act(box)
        return "worked"
    except SandboxError:
        return "told"
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))


async def main():
    act = globals()[sys.argv[1]]
    await opening(None)  # starts the keeper server, which stays
    open_before = count_open()
    async with open_sandbox(Policy(), backend="bubblewrap") as box:
        await act(box)
        outcomes = [await try_with(free, act, box) for free in range(int(sys.argv[2]))]
        await act(box)
    print(*sorted(set(outcomes)), outcomes[0], outcomes[-1], count_open() - open_before)


asyncio.run(main())
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "most"),
    [("opening", 20), ("run", 16), ("runs_at_once", 40), ("fresh_run", 16), ("session", 16), ("entry", 16)],
)
def test_whatever_number_of_descriptors_is_left_an_error_tells_and_none_stays_open(
    act: str, most: int
) -> None:
    command = [sys.executable, "-c", SCRIPT, act, str(most)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)

    assert done.stdout.split() == ["told", "worked", "told", "worked", "0"], done.stderr[-3000:]
