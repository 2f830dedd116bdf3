"""What a command of a session costs over an agent's byte stream, by ssh to this machine, and where.

Run: python -m perf.stream
     chrt --fifo 5 python -m perf.stream     # on a busy machine: everything on the way runs first

It needs root and openssh-server. The agent is the same as in Docker's containers; Docker's own relays, two
processes on the way, come on top there (`python perf/containers.py`).
"""

import asyncio
import statistics
import sys
import time
from contextlib import suppress
from pathlib import Path

from sandbox import Command, Policy
from sandbox.backends.ssh import open_ssh
from tests.processes import below
from tests.ssh_host import HOST, ssh_host

ROUNDS, PAUSE_S = 100, 0.05
"""The pause lets a process be made in advance, as between the turns of a model."""
TRUE = Command(argv=("true",))
_NS_IN_MS = 1e6


def name_of(pid: int) -> str:
    """Name of a process, and its pid."""
    return f"{Path(f'/proc/{pid}/comm').read_text().strip()} {pid}"


def processor_ms(pid: int) -> float:
    """Processor time that a process has used."""
    with suppress(OSError):  # it has ended
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / _NS_IN_MS
    return 0.0


async def main(server: int) -> None:
    """Print the time of a command, and the processor time of each process on its way."""
    async with open_ssh(Policy(wall_s=300), host=HOST) as box, box.session() as session:
        await session.run(TRUE)
        await asyncio.sleep(1)
        before, own = {pid: processor_ms(pid) for pid in below(server)}, time.process_time()
        samples = []
        for _ in range(ROUNDS):
            await asyncio.sleep(PAUSE_S)
            began = time.perf_counter()
            await session.run(TRUE)
            samples.append((time.perf_counter() - began) * 1e3)
        print(f"a command: median {statistics.median(samples):.2f} ms, least {min(samples):.2f} ms")
        print(f"processor time, ms: host {(time.process_time() - own) * 1e3 / ROUNDS:.2f}", end="")
        for pid, used in before.items():
            share = (processor_ms(pid) - used) / ROUNDS
            if share > 0.05:
                print(f", {name_of(pid)} {share:.2f}", end="")
        print()


if __name__ == "__main__":
    with ssh_host() as process:
        sys.exit(asyncio.run(main(process.pid)))
