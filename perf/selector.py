"""A selector over three members, 20 turns against an instant endpoint: ours, its log on disk, and AutoGen.

    python -m perf.selector [--peer ENVIRONMENT] [--rounds N]

ENVIRONMENT is a virtual environment with autogen-agentchat and autogen-ext[openai]. Each is a process of its
own, in rotation, that has taken one turn before; the figure is the median wall time of the 20 turns.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from perf.instant import instant_endpoint

TURNS = 20
AUTOGEN = """
import asyncio, sys, time
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import MaxMessageTermination
from autogen_agentchat.teams import SelectorGroupChat
from autogen_ext.models.openai import OpenAIChatCompletionClient
info = dict(vision=False, function_calling=True, json_output=False, family="unknown", structured_output=False)
async def main(url):
    model = OpenAIChatCompletionClient(model="toy", base_url=url, api_key="none", model_info=info)
    def team_of(messages):
        members = [AssistantAgent(f"m{n}", model, description="Thinks.") for n in range(3)]
        return SelectorGroupChat(members, model, termination_condition=MaxMessageTermination(messages))
    await team_of(2).run(task="Hi.")
    team = team_of(21)
    began = time.perf_counter()
    result = await team.run(task="Write add(a, b).")
    assert len(result.messages) == 21, len(result.messages)
    print(time.perf_counter() - began)
asyncio.run(main(sys.argv[1]))
"""


async def ours(url: str) -> float:
    """Seconds of 20 turns, with the log in SQLite."""
    from coder.engine.agent import solve
    from coder.engine.teams import Member, Selector
    from coder.models.find_model import resolve
    from coder.models.roles import Roles, open_roles
    from coder.run.conditions import turns
    from coder.run.settings import Budget, Settings
    from coder.run.task import Task
    from coder.store import SqliteLog

    team = Selector(tuple(Member(f"m{n}", "Thinks.", acts=False) for n in range(3)))
    settings = Settings(budget=Budget(max_calls=100))
    choice = await resolve("toy", base_url=url, environ={"OPENAI_API_KEY": "none"})
    async with open_roles(Roles(main=choice)) as model:
        with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder)) as log:
            await solve(Task(prompt="Hi."), team=team, stop=turns(1), model=model, log=log)
            began = time.perf_counter()
            run = await solve(
                Task(prompt="Write add(a, b)."),
                team=team,
                stop=turns(TURNS),
                model=model,
                settings=settings,
                log=log,
            )
            took = time.perf_counter() - began
            assert run.reason == f"{TURNS} turns were taken", run.reason
            assert run.calls == 2 * TURNS
            return took


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer", metavar="ENVIRONMENT")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--once", metavar="URL", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        print(asyncio.run(ours(arguments.once)))
        return
    commands = {"ours": [sys.executable, "-m", "perf.selector", "--once"]}
    if arguments.peer:
        commands["autogen"] = [f"{arguments.peer}/bin/python", "-c", AUTOGEN]
    times: dict[str, list[float]] = {name: [] for name in commands}
    with instant_endpoint() as url:
        for _ in range(arguments.rounds):
            for name, command in commands.items():
                done = subprocess.run([*command, f"{url}/pick/v1"], capture_output=True, text=True)
                if done.returncode:
                    raise SystemExit(f"{name} failed: {done.stderr.strip().splitlines()[-1]}")
                times[name].append(float(done.stdout.split()[-1]))
    for name, seconds in times.items():
        print(f"{name:8} {statistics.median(seconds):.3f} s")


if __name__ == "__main__":
    main()
