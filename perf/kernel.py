"""What a sandboxed kernel costs beside a plain one, interleaved. Run: python perf/kernel.py [BACKEND]

The plain one is ipykernel with jupyter_client's own blocking client, on this machine itself.
"""

import asyncio
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from jupyter_client import BlockingKernelClient, KernelManager

from sandbox import Kernel, open_kernel

CELLS, RESTARTS, STARTS, PAUSE_S = 100, 8, 5, 0.02


class Plain:
    """A kernel as one starts it without us."""

    def __init__(self) -> None:
        self._manager = KernelManager(transport="ipc")
        self._manager.start_kernel()
        self._client = self._connect()

    def _connect(self) -> BlockingKernelClient:
        client = self._manager.client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        return client

    def execute(self, cell: str) -> None:
        """Run one cell to its end."""
        self._client.execute_interactive(cell, output_hook=lambda message: None, timeout=60)

    def restart(self) -> None:
        """End it and start it anew."""
        self._client.stop_channels()
        self._manager.restart_kernel(now=True)
        self._client = self._connect()

    def close(self) -> None:
        """End it."""
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def row(name: str, ours: list[float], plain: list[float], aim: str) -> None:
    """One line of the table; milliseconds."""
    one, other = statistics.median(ours), statistics.median(plain)
    print(f"{name:24} {one:9.2f} {other:9.2f} {one / other:7.2f}   {aim}")


def since(began: float) -> float:
    return (time.perf_counter() - began) * 1e3


async def cells(kernel: Kernel, plain: Plain, source: str) -> tuple[list[float], list[float]]:
    own_times: list[float] = []
    others: list[float] = []
    for _ in range(CELLS):
        await asyncio.sleep(PAUSE_S)
        began = time.perf_counter()
        assert (await kernel.execute(source)).result.ok
        own_times.append(since(began))
        began = time.perf_counter()
        await asyncio.to_thread(plain.execute, source)
        others.append(since(began))
    return own_times[5:], others[5:]


async def main(backend: str) -> None:
    """Print the table."""
    starts: tuple[list[float], list[float]] = ([], [])
    for _ in range(STARTS):
        began = time.perf_counter()
        async with open_kernel(backend=backend) as kernel:
            await kernel.execute("1")
            starts[0].append(since(began))
        began = time.perf_counter()
        plain = await asyncio.to_thread(Plain)
        await asyncio.to_thread(plain.execute, "1")
        starts[1].append(since(began))
        await asyncio.to_thread(plain.close)
    restarts: tuple[list[float], list[float]] = ([], [])
    async with open_kernel(backend=backend) as kernel:
        plain = await asyncio.to_thread(Plain)
        quiet = await cells(kernel, plain, "x = 1")
        printing = await cells(kernel, plain, "print('x'); x + 1")
        for _ in range(RESTARTS):
            began = time.perf_counter()
            await kernel.restart()
            await kernel.execute("1")
            restarts[0].append(since(began))
            began = time.perf_counter()
            await asyncio.to_thread(plain.restart)
            await asyncio.to_thread(plain.execute, "1")
            restarts[1].append(since(began))
        await asyncio.to_thread(plain.close)
        began = time.perf_counter()
        await kernel.execute(
            "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass", wall_s=2
        )
        deadline = since(began)
    print(f"{backend:24} {'ours':>9} {'plain':>9} {'ratio':>7}   (medians in ms)")
    row("first cell of a session", *starts, "")
    row("cell", *quiet, "")
    row("cell that prints", *printing, "")
    row("restart and a cell", *restarts, "")
    print(f"{'cell that ignores 2 s':24} {deadline:9.2f} {'never':>9}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "auto"))
