"""A loop of 50 tool calls over the bare openai SDK's, and what it takes to make a team.

    python -m perf.tool_loop [--rounds N]

One process, and an instant endpoint in another that asks for a tool 50 times. Loops of all kinds are
taken in rotation, so that a drift of the machine's speed meets all of them alike; the ratios are of minima.
"""

import argparse
import asyncio
import gc
import json
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import openai

from coder.base.text.redact import Redactor
from coder.engine.teams.coding_team import CodingTeam
from coder.engine.turn.turn import Turn
from coder.environment.workbench import Workbench
from coder.models.find_model import resolve
from coder.models.model import ChatMessage, Form, Model, Sampling, ToolSpec
from coder.models.roles import Roles, open_roles
from coder.run.event_types import RunStarted, Spoken
from coder.run.journal import Journal
from coder.run.message import CodeMessage
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from coder.run.watch import Unwatched
from coder.store import EventLog, SqliteLog
from perf.instant import CALLS, instant_endpoint
from sandbox import Policy, open_sandbox
from tests.memory_log import MemoryLog

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
ADD = ToolSpec(name="add", description="Add two integers.", parameters=SCHEMA)
SAMPLING = Sampling(temperature=0, max_tokens=256)
TEAMS = 10_000


def _add(a: int, b: int) -> int:
    return a + b


async def _bare(client: openai.AsyncOpenAI) -> None:
    tool = {
        "type": "function",
        "function": {"name": "add", "description": ADD.description, "parameters": SCHEMA},
    }
    messages: list[Any] = [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]
    while True:
        stream = await client.chat.completions.create(
            model="toy",
            messages=messages,
            tools=[tool],  # type: ignore[list-item]
            temperature=0,
            max_tokens=256,
            stream=True,
            stream_options={"include_usage": True},
        )
        calls = [call async for piece in stream for c in piece.choices for call in c.delta.tool_calls or ()]
        if not calls:
            return
        schemas = [
            {"id": c.id, "type": "function", "function": c.function.model_dump()} for c in calls if c.function
        ]
        messages.append({"role": "assistant", "content": "", "tool_calls": schemas})
        for call in calls:
            assert call.function is not None
            result = _add(**json.loads(call.function.arguments or "{}"))
            messages.append({"role": "tool", "tool_call_id": call.id, "content": str(result)})


async def _ours(turn: Turn) -> None:
    form = Form(tools=(ADD,))
    messages = [ChatMessage(role="system", content="x"), ChatMessage(role="user", content="hi")]
    while True:
        answer = await turn.answer(messages, sampling=SAMPLING, form=form)
        if not answer.tool_calls:
            return
        messages.append(ChatMessage(role="assistant", content=answer.text, tool_calls=answer.tool_calls))
        for call in answer.tool_calls:
            arguments: dict[str, Any] = call.parsed()
            result = str(_add(**arguments))
            messages.append(ChatMessage(role="tool", content=result, tool_call_id=call.id))


async def _turns(log: EventLog, model: Model, stack: AsyncExitStack) -> Callable[[], Awaitable[None]]:
    run = f"run_{type(log).__name__.lower()}"
    token = await stack.enter_async_context(log.lease(run))
    journal = Journal(run, log, token=token, watch=Unwatched())
    settings = Settings(budget=Budget(max_calls=100_000))
    await journal.append(RunStarted(task=Task(prompt="x"), settings=settings, model=model.name))
    bench = Workbench(Policy(), open_sandbox, redactor=Redactor.from_environment())

    async def loop() -> None:
        await _ours(Turn("coder", journal=journal, model=model, bench=bench))
        said = CodeMessage(author="coder", text="done")
        await journal.append(Spoken(message=said))

    return loop


async def _measure(url: str, rounds: int, folder: Path) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        choice = await resolve("toy", base_url=url, environ={"OPENAI_API_KEY": "unused"})
        model = await stack.enter_async_context(open_roles(Roles(main=choice)))
        client = await stack.enter_async_context(openai.AsyncOpenAI(base_url=url, api_key="unused"))
        sqlite = stack.enter_context(SqliteLog(folder))
        kinds = {
            "bare openai SDK": lambda: _bare(client),
            "log in memory": await _turns(MemoryLog(), model, stack),
            "log in SQLite": await _turns(sqlite, model, stack),
        }
        best = dict.fromkeys(kinds, float("inf"))
        for _ in range(rounds):
            for kind, loop in kinds.items():
                began = time.perf_counter()
                await loop()
                best[kind] = min(best[kind], (time.perf_counter() - began) / (CALLS + 1))
        return best


def _teams() -> tuple[float, float]:
    """Microseconds and KiB of one default team."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        teams = [CodingTeam() for _ in range(TEAMS)]
        best = min(best, (time.perf_counter() - began) / len(teams))
    teams.clear()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    teams = [CodingTeam() for _ in range(TEAMS)]
    size = (tracemalloc.get_traced_memory()[0] - before) / len(teams)
    tracemalloc.stop()
    return best * 1e6, size / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with instant_endpoint() as url, tempfile.TemporaryDirectory() as folder:
        best = asyncio.run(_measure(f"{url}/loop/v1", rounds, Path(folder)))
    for kind, seconds in best.items():
        print(f"{kind:16} {seconds * 1e3:6.2f} ms a turn, ratio {seconds / best['bare openai SDK']:.2f}")
    print("aim: 1.12 in memory; the best peer has 1.16 and keeps nothing")
    microseconds, kib = _teams()
    print(f"a team           {microseconds:6.2f} us, {kib:.2f} KiB")


if __name__ == "__main__":
    main()
