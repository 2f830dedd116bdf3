"""A whole run, recorded and replayed: no connection, and the same events but for ids and times."""

import json
import subprocess
import sys
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.usage import Price
from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint, Patience
from coder.models.model import Model
from coder.models.recorded import Recorded
from coder.models.recorder import Recorder
from coder.models.wrapper import RoleModels, Router
from coder.run.events import Event
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.coder.models.asking import endpoint_of
from tests.coder.people.cli.console import Console
from tests.faulty_endpoint import FaultyEndpoint, Reply, error, faulty_endpoint, says
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

ADD = "```python\ndef add(a, b):\n    return a + b\n```\n"
SUBTRACT = "```python\ndef add(a, b):\n    return a - b\n```\n"
TASK = Task(prompt="Write add(a, b).\n" + "It has to add.\n" * 60, checks=("assert add(2, 3) == 5",))
QUICK = Patience(first_wait_s=0.01)
TIMES = {"time", "seconds", "timeout", "wait_s", "run", "sandbox"}
HOLDS_A_TIME = ".pyc"
"""A file of bytecode holds the time of its source."""


async def run_by(model: Model) -> tuple[Run, list[dict[str, object]]]:
    """A run of the task, and its events without ids and times."""
    log = MemoryLog()
    settings = Settings(plan=True, strategy="repair", budget=Budget(max_calls=8))
    run = await solve(TASK, model=model, settings=settings, log=log)
    runs = (run.run_id, *(f"{run.run_id}.{number}" for number in range(1, run.attempts + 1)))
    return run, [timeless(event) for one in runs for event in await log.read(one)]


def timeless(event: Event) -> dict[str, object]:
    def without(value: object) -> object:
        if isinstance(value, dict):
            kept = {name for name in value if name not in TIMES and not name.endswith(HOLDS_A_TIME)}
            return {name: without(value[name]) for name in kept}
        return [without(inner) for inner in value] if isinstance(value, list) else value

    document = without(event.model_dump(mode="json"))
    assert isinstance(document, dict)
    return document


SCRIPTS: dict[str, tuple[Reply, ...]] = {
    "solved at once": (says("1. Add."), says(ADD)),
    "a retry and a repair": (says("1. Add."), error(503, "busy"), says(SUBTRACT), says(ADD)),
    "too long at first": (says("1. Add."), error(400, "?", code="context_length_exceeded"), says(ADD)),
    "cut off": (says("1. Add."), says(ADD[:20], finish="length"), says(ADD[20:])),
    "refused for good": (says("1. Add."), error(422, "no")),
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS.keys())
async def test_a_replay_of_a_run_gives_the_same_events(script: tuple[Reply, ...], tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with faulty_endpoint(*script) as server:
        async with Recorder(ChatModel(endpoint_of(server), patience=QUICK), path) as model:
            live = await run_by(model)

    replayed = await run_by(Recorded(path))

    assert replayed[1] == live[1]
    assert replayed[0].status == live[0].status


async def test_a_replay_tells_of_a_switch_to_another_model(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    with faulty_endpoint(error(503, "down")) as first, faulty_endpoint(says("1. Add."), says(ADD)) as second:
        endpoints: list[Endpoint] = [endpoint_of(first, name="a/m"), endpoint_of(second, name="b/m")]
        routes = [ChatModel(endpoint, patience=QUICK) for endpoint in endpoints]
        async with Recorder(Router(routes), path) as model:
            _, live = await run_by(model)

    _, replayed = await run_by(Recorded(path))

    assert replayed == live
    assert "model.switched" in [event["type"] for event in replayed]


WATCHED = """
import sys
seen = []
CONNECTING = ("socket.connect", "socket.getaddrinfo")
sys.addaudithook(lambda name, args: seen.append(args) if name in CONNECTING else None)
sys.argv = ["coder", *sys.argv[1:]]
from coder.people.cli.app import run
code = run(None)
print("connected", [args for args in seen if not isinstance(args[-1], (str, bytes))])
sys.exit(code)
"""


def cheap(server: FaultyEndpoint) -> ChatModel:
    price = Price(input=Decimal(1), output=Decimal(10))
    return ChatModel(endpoint_of(server, name="a/m", price=price), patience=QUICK)


def dear(server: FaultyEndpoint) -> ChatModel:
    price = Price(input=Decimal(5), output=Decimal(1))
    return ChatModel(endpoint_of(server, name="b/m", price=price, context=9000), patience=QUICK)


CASTS: dict[str, tuple[Callable[[FaultyEndpoint, FaultyEndpoint], Model], list[Reply], list[Reply]]] = {
    "a planner of its own": (
        lambda first, second: RoleModels(dear(first), {"planner": cheap(second)}),
        [says(SUBTRACT), says(ADD)],
        [says("1. Add.")],
    ),
    "a prompt that is too long": (
        lambda first, second: RoleModels(cheap(first), {"planner": dear(second)}),
        [error(400, "?", code="context_length_exceeded"), says(ADD)],
        [says("1. Add.")],
    ),
    "prices that cross": (
        lambda first, second: Router([cheap(first), dear(second)]),
        [says("1. Add."), says(ADD)],
        [says("never asked")],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("cast", "first", "second"), CASTS.values(), ids=CASTS.keys())
async def test_a_replay_of_several_models_reserves_and_asks_as_the_run_did(
    cast: Callable[[FaultyEndpoint, FaultyEndpoint], Model],
    first: list[Reply],
    second: list[Reply],
    tmp_path: Path,
) -> None:
    path = tmp_path / "run.jsonl"
    with faulty_endpoint(*first) as one, faulty_endpoint(*second) as other:
        async with Recorder(cast(one, other), path) as model:
            live = await run_by(model)

    replayed = await run_by(Recorded(path))

    assert replayed[1] == live[1]
    assert replayed[0].status == "solved"


@pytest.mark.slow
def test_a_replay_on_the_command_line_makes_no_connection(tmp_path: Path) -> None:
    console, path = Console(home=tmp_path), tmp_path / "run.jsonl"
    arguments = ("Write add(a, b).", "--check", "assert add(2, 3) == 5", "--json")
    with faulty_endpoint(says(SUBTRACT), says(ADD)) as endpoint:
        live = console.run(
            "solve", *arguments, "--base-url", endpoint.url, "-m", "toy", "--record", str(path)
        )

    done = subprocess.run(
        [sys.executable, "-c", WATCHED, "solve", *arguments, "--replay", str(path)],
        capture_output=True,
        text=True,
        env=console.environ,
        timeout=120,
    )

    document, _, connected = done.stdout.rpartition("connected ")
    assert connected == "[]\n", done.stderr
    first, second = json.loads(live.out), json.loads(document)
    assert (second["status"], second["files"], second["calls"]) == ("solved", first["files"], 2)
