"""What runs, commands and sessions cost in Docker, beside `docker exec` and `docker run` by hand.

Run: python perf/containers.py

The image is what `coder sandbox build` makes, or what CODER_TEST_IMAGE names. Absolute times move with the
machine's load; the ratios of one interleaved run hold better.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from sandbox import Command, Policy, PythonCode, Session
from sandbox.docker.engine import IMAGE
from sandbox.docker.open_docker import open_docker
from sandbox.stream.stream_sandbox import StreamSandbox

ROUNDS, PAUSE_S = 25, 0.25
"""The pause lets a process be made in advance, as between the turns of a model."""
PRINT = PythonCode(source="print(1)")
TRUE = Command(argv=("true",))
POLICY = Policy(image=os.environ.get("CODER_TEST_IMAGE", IMAGE), wall_s=300)
FOLDERS = 200
"""Of a hundred files each, for a session to open on."""
_FILL = f"for d in $(seq {FOLDERS}); do mkdir $d; for f in $(seq 100); do echo $d $f > $d/$f; done; done"
_PYTHON = ("python3", "-I", "-S", "-c", "print(1)")


def by_hand(*command: str) -> float:
    """Milliseconds of the command line client."""
    began = time.perf_counter()
    subprocess.run(["docker", *command], stdout=subprocess.PIPE, check=True)
    return (time.perf_counter() - began) * 1e3


async def timed(act: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of one thing, after a pause."""
    await asyncio.sleep(PAUSE_S)
    began = time.perf_counter()
    await act()
    return (time.perf_counter() - began) * 1e3


def row(name: str, samples: list[float], base: list[float]) -> None:
    """One line of the table."""
    samples = sorted(samples)
    ratio = statistics.median(samples) / statistics.median(base)
    p90 = samples[int(len(samples) * 0.9)]
    print(f"{name:38} {statistics.median(samples):8.2f} {samples[0]:8.2f} {p90:8.2f} {ratio:8.2f}")


async def rounds(box: StreamSandbox, session: Session, container: str) -> dict[str, list[float]]:
    """Each thing in turn, so that all of them meet the same load."""
    acts: dict[str, Callable[[], Awaitable[object]]] = {
        "warm run": lambda: box.run(PRINT),
        "command of a session": lambda: session.run(TRUE),
        "fresh run, a container of its own": lambda: box.run(PRINT, fresh=True),
        "write a file": lambda: box.write("a.txt", b"x" * 1000),
        "read a file": lambda: box.read("a.txt"),
    }
    times: dict[str, list[float]] = {"docker exec": [], "docker run --rm": [], **{name: [] for name in acts}}
    for number in range(ROUNDS + 2):
        one = {name: await timed(act) for name, act in acts.items()}
        one["docker exec"] = await asyncio.to_thread(by_hand, "exec", container, *_PYTHON)
        one["docker run --rm"] = await asyncio.to_thread(
            by_hand, "run", "--rm", "--network", "none", str(POLICY.image), *_PYTHON
        )
        for name, value in one.items() if number >= 2 else ():
            times[name].append(value)
    return times


async def sessions() -> None:
    """Print what it takes to open sessions on a tree that programs have made."""
    async with open_docker(POLICY) as box:
        async with box.session() as session:
            await session.sh(_FILL)
        for how in ("the first", "another"):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            async with box.session():
                print(f"{FOLDERS * 100} files: {how} session opens in {time.perf_counter() - began:.2f} s")


async def main() -> None:
    """Print the table."""
    begun = await asyncio.to_thread(
        subprocess.check_output,
        ["docker", "run", "--rm", "-d", "--network", "none", str(POLICY.image), "sleep", "1000"],
        text=True,
    )
    container = begun.strip()
    try:
        async with open_docker(POLICY) as box, box.session(fresh=True) as session:
            times = await rounds(box, session, container)
    finally:
        await asyncio.to_thread(by_hand, "rm", "-f", container)
    first = []
    for _ in range(8):
        began = time.perf_counter()
        async with open_docker(POLICY) as box:
            await box.run(PRINT)
            first.append((time.perf_counter() - began) * 1e3)
    base = times["docker exec"]
    print(f"{'':38} {'median':>8} {'min':>8} {'p90':>8} {'ratio':>8}   (ms; ratio to docker exec)")
    for name, samples in times.items():
        row(name, samples, base)
    row("open to first result", first, base)
    await sessions()


if __name__ == "__main__":
    asyncio.run(main())
