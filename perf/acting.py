"""A toy repository mended by acting in three calls of an instant model, and 50 steps of a dialogue.

    python -m perf.acting [--rounds N] [--mini MINI] [--pi PI]

MINI and PI are the programs of mini-swe-agent and of pi, each installed apart (`perf/mends.py`); they run our
harmless commands on this machine, without a sandbox. Each round runs all of them in turn. What is printed are
medians, and ratios of the same run: absolute times are this machine's.
"""

import asyncio
import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import openai

from coder import Budget, Settings, Task, solve
from coder.models.find_model import resolve
from coder.models.roles import Roles, open_roles
from coder.store import SqliteLog
from perf.fix import WRONG
from perf.instant import CALLS, instant_endpoint
from perf.mends import Mended, mended, mini, pi
from perf.wholes import flags


def _shell(command: str) -> str:
    return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True).stdout


async def _bare(url: str) -> None:
    """The SDK alone, with a shell on this machine for each call."""
    messages: list[Any] = [{"role": "system", "content": "x"}, {"role": "user", "content": "hi"}]
    async with openai.AsyncOpenAI(base_url=url, api_key="unused") as client:
        while True:
            answer = await client.chat.completions.create(model="toy", messages=messages)
            message = answer.choices[0].message
            if not message.tool_calls:
                return
            messages.append(message.model_dump(exclude_none=True))
            for call in message.tool_calls:
                command = json.loads(call.function.arguments)["command"]  # type: ignore[union-attr]
                messages.append({"role": "tool", "tool_call_id": call.id, "content": _shell(command)})


async def _ours(url: str) -> None:
    """A run that acts, with its log in SQLite."""
    with tempfile.TemporaryDirectory() as folder:
        async with AsyncExitStack() as stack:
            choice = await resolve("toy", base_url=url, environ={"OPENAI_API_KEY": "unused"})
            model = await stack.enter_async_context(open_roles(Roles(main=choice)))
            log = stack.enter_context(SqliteLog(Path(folder) / "home"))
            work = Path(folder) / "work"
            work.mkdir()
            (work / "calc.py").write_text(WRONG)
            task = Task(prompt="Look.", workspace=work)
            settings = Settings(strategy="act", budget=Budget(max_calls=CALLS + 1))
            await solve(task, model=model, log=log, settings=settings)


async def _seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """Return the wall time and the processor time of this process, without its children."""
    began, cpu = time.perf_counter(), time.process_time()
    await work()
    return time.perf_counter() - began, time.process_time() - cpu


async def _steps(url: str, rounds: int) -> None:
    kinds = {
        "bare openai SDK, bash": lambda: _bare(f"{url}/bash/v1"),
        "act, SQLite": lambda: _ours(f"{url}/bash/v1"),
        "act, no step": lambda: _ours(f"{url}/text/v1"),
    }
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, work in kinds.items():
            times[name].append(await _seconds(work))
    for number, label in enumerate(("wall", "CPU of the process")):
        bare, acting, none = (median(each[number] for each in one) for one in times.values())
        own_seconds = acting - none
        print(
            f"{CALLS} steps, {label}: bare SDK and bash {bare:.3f} s, act {own_seconds:.3f} s, "
            f"ratio {own_seconds / bare:.2f} (aim of wall 1.15)"
        )


def _compare(programs: dict[str, str | None], rounds: int) -> None:
    """Mend the repository by each program in turn, and print what it took, with ratios to ours."""
    peers: dict[str, Callable[..., Mended]] = {"mini": mini, "pi": pi}
    kinds: dict[str, Callable[[], Mended]] = {}
    for test in ("python", "pytest"):
        kinds[f"act, {test}"] = partial(mended, pytest=test == "pytest")
        for name, program in programs.items():
            if program is not None:
                kinds[f"{name}, {test}"] = partial(peers[name], program, pytest=test == "pytest")
    runs: dict[str, list[Mended]] = {name: [] for name in kinds}
    for _ in range(rounds):
        for name, work in kinds.items():
            runs[name].append(work())
    for name, each in runs.items():
        wall, first = median(one.took.seconds for one in each), median(one.first_s for one in each)
        cpu = median(one.took.cpu_s for one in each)
        own_median = median(one.took.seconds for one in runs[f"act, {name.rpartition(' ')[2]}"])
        print(
            f"{name:14} {wall:6.3f} s, {cpu:.3f} s of CPU, first request after {first:.3f} s (aim 0.6); "
            f"ours {own_median / wall:.2f} of it; medians of {rounds} (aims: 1.2 of pi, 1.2 and 2.5 of mini)"
        )


def main() -> None:
    """Measure and print."""
    parser = flags(__doc__)
    for name in ("mini", "pi"):
        parser.add_argument(f"--{name}")
    arguments = parser.parse_args()
    _compare({"mini": arguments.mini, "pi": arguments.pi}, arguments.rounds)
    with instant_endpoint() as url:
        asyncio.run(_steps(url, arguments.rounds))


if __name__ == "__main__":
    main()
