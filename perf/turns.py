"""Our own time per turn over the bare openai SDK, with the log in memory and in SQLite.

    python -m perf.turns [--turns N]

One process, one instant endpoint on loopback in another. Each kind is taken in rotation with the bare SDK, so
that a drift of the machine's speed meets both alike; the ratios are of medians.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import openai

from coder.base.text.redact import Redactor
from coder.engine.turn.turn import Turn
from coder.environment.workbench import Workbench
from coder.models.find_model import resolve
from coder.models.model import ChatMessage, Model, Sampling
from coder.models.roles import Roles, open_roles
from coder.run.event_types import RunStarted, Spoken
from coder.run.journal import Journal
from coder.run.message import CodeMessage
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.store import EventLog, SqliteLog
from perf.instant import instant_endpoint
from sandbox import Policy, open_sandbox
from tests.memory_log import MemoryLog

ASKED = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Say x = 1.")]
SAMPLING = Sampling(temperature=0, max_tokens=256)
WARM_UP = 20


async def _measure(url: str, turns: int, folder: Path) -> dict[str, tuple[float, float]]:
    async with AsyncExitStack() as stack:
        choice = await resolve("toy", base_url=url, environ={"OPENAI_API_KEY": "unused"})
        model = await stack.enter_async_context(open_roles(Roles(main=choice)))
        client = await stack.enter_async_context(openai.AsyncOpenAI(base_url=url, api_key="unused"))
        sqlite = stack.enter_context(SqliteLog(folder))
        kinds = {
            "log in memory": await _turns(MemoryLog(), model, stack),
            "log in SQLite": await _turns(sqlite, model, stack),
        }
        return {kind: await _beside(_bare(client), turn, turns) for kind, turn in kinds.items()}


async def _beside(
    bare: Callable[[], Awaitable[None]], ours: Callable[[], Awaitable[None]], turns: int
) -> tuple[float, float]:
    """Median seconds of both, taken in turns."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(turns + WARM_UP):
        for turn, times_of_turn in zip((bare, ours), times, strict=True):
            began = time.perf_counter()
            await turn()
            times_of_turn.append(time.perf_counter() - began)
    first, second = (statistics.median(times_of_turn[WARM_UP:]) for times_of_turn in times)
    return first, second


def _bare(client: openai.AsyncOpenAI) -> Callable[[], Awaitable[None]]:
    async def turn() -> None:
        stream = await client.chat.completions.create(
            model="toy",
            messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Say x = 1."}],
            temperature=0,
            max_tokens=256,
            stream=True,
            stream_options={"include_usage": True},
        )
        async for _ in stream:
            pass

    return turn


async def _turns(log: EventLog, model: Model, stack: AsyncExitStack) -> Callable[[], Awaitable[None]]:
    run = f"run_{type(log).__name__.lower()}"
    token = await stack.enter_async_context(log.lease(run))
    journal = Journal(run, log, token=token, watch=Unwatched())
    settings = Settings(budget=Budget(max_calls=100_000))
    await journal.append(RunStarted(task=Task(prompt="Say x = 1."), settings=settings, model=model.name))
    bench = Workbench(Policy(), open_sandbox, redactor=Redactor.from_environment())

    async def turn() -> None:
        new_turn = Turn("coder", journal=journal, model=model, bench=bench)
        text = await new_turn.ask(ASKED, sampling=SAMPLING)
        await journal.append(Spoken(message=CodeMessage(author="coder", text=text)))

    return turn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=200)
    with instant_endpoint() as url, tempfile.TemporaryDirectory() as folder:
        times = asyncio.run(_measure(f"{url}/text/v1", parser.parse_args().turns, Path(folder)))
        sync_s = _sync_s(Path(folder))
    for kind, (bare, ours) in times.items():
        took = f"{ours * 1e3:6.2f} ms a turn, the bare SDK {bare * 1e3:6.2f} ms"
        print(f"{kind}  {took}, ratio {ours / bare:.2f}")
    print(f"one sync of the disk here takes {sync_s * 1e3:.2f} ms, and a turn in SQLite waits for one")
    print("aims: 1.10 in memory, 1.25 in SQLite")


def _sync_s(folder: Path, *, times: int = 50, size: int = 12 << 10) -> float:
    """Median seconds that the disk takes to have as much as an append writes."""
    seconds = []
    with (folder / "synced").open("wb", buffering=0) as file:
        for _ in range(times):
            file.write(bytes(size))
            began = time.perf_counter()
            os.fdatasync(file.fileno())
            seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


if __name__ == "__main__":
    main()
