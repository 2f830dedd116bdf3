"""Our own time per turn over the bare openai SDK, with the log in memory and in SQLite.

    python -m perf.turns [--turns N]

One process, one instant endpoint on loopback. Turns of the three kinds are taken in rotation, so that a drift
of the machine's speed meets all of them alike; the ratios are of medians.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import openai

from coder.bodies import RunStarted, Spoken
from coder.journal import Journal
from coder.message import Message
from coder.models.choice import resolve
from coder.models.model import ChatMessage, Model, Sampling
from coder.models.opening import open_model
from coder.redact import Redactor
from coder.settings import Budget, Settings
from coder.store import LeasedLog, MemoryLog, SqliteLog
from coder.task import Task
from coder.turn import Turn
from coder.watch import Unwatched
from coder.workbench import Workbench
from sandbox import Policy, open_sandbox
from tests.faulty_endpoint import faulty_endpoint, says

ASKED = [ChatMessage(role="system", content="Be brief."), ChatMessage(role="user", content="Say x = 1.")]
SAMPLING = Sampling(temperature=0, max_tokens=256)
WARM_UP = 20


async def _measure(url: str, turns: int, folder: Path) -> dict[str, list[float]]:
    async with AsyncExitStack() as stack:
        choice = await resolve("toy", base_url=url, environ={"OPENAI_API_KEY": "unused"})
        model = await stack.enter_async_context(open_model(choice))
        client = await stack.enter_async_context(openai.AsyncOpenAI(base_url=url, api_key="unused"))
        sqlite = stack.enter_context(SqliteLog(folder))
        kinds = {
            "bare openai SDK": _bare(client),
            "log in memory": await _turns(MemoryLog(), model, stack),
            "log in SQLite": await _turns(sqlite, model, stack),
        }
        times: dict[str, list[float]] = {kind: [] for kind in kinds}
        for i in range(turns + WARM_UP):
            for kind, turn in kinds.items():
                began = time.perf_counter()
                await turn()
                if i >= WARM_UP:
                    times[kind].append(time.perf_counter() - began)
        return times


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


async def _turns(log: LeasedLog, model: Model, stack: AsyncExitStack) -> Callable[[], Awaitable[None]]:
    run = f"run_{type(log).__name__.lower()}"
    token = await stack.enter_async_context(log.lease(run))
    journal = Journal(run, log, token=token, watch=Unwatched())
    settings = Settings(budget=Budget(calls=100_000))
    await journal.append(RunStarted(task=Task(prompt="Say x = 1."), settings=settings, model=model.name))
    bench = Workbench(Policy(), open_sandbox, redactor=Redactor.from_environment())

    async def turn() -> None:
        asked = Turn("coder", journal=journal, model=model, bench=bench)
        text = await asked.ask(ASKED, sampling=SAMPLING)
        await journal.append(
            Spoken(message=Message(author="coder", kind="code", sample=1, attempt=1, text=text))
        )

    return turn


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=200)
    with faulty_endpoint(says("x = 1")) as endpoint, tempfile.TemporaryDirectory() as folder:
        times = asyncio.run(_measure(endpoint.url, parser.parse_args().turns, Path(folder)))
    bare = statistics.median(times["bare openai SDK"])
    for kind, values in times.items():
        median = statistics.median(values)
        print(f"{kind:16} {median * 1e3:6.2f} ms a turn, ratio {median / bare:.2f}")
    print("aims: 1.10 in memory, 1.25 in SQLite")


if __name__ == "__main__":
    main()
