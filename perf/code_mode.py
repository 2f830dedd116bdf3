"""What a call of a user's tool costs a program of a session, beside a direct call of the function.

python -m perf.code_mode [--calls N] [--rounds N]
"""

import argparse
import asyncio
import json
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

from coder import Settings, Task, solve
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.store import SqliteLog

PROGRAM = """\
import json, time, tools
taken = []
for _ in range({rounds}):
    began = time.perf_counter()
    for _ in range({calls}):
        tools.{name}(3)
    taken.append((time.perf_counter() - began) / {calls} * 1e3)
print(json.dumps(taken))
"""
EDIT = "a.py\n```python\nx = 1\n```\n"


def in_thread(count: int) -> list[int]:
    """Count."""
    return list(range(count))


async def in_loop(count: int) -> list[int]:
    """Count."""
    return list(range(count))


async def effect(count: int) -> list[int]:
    """Count, and change something."""
    return list(range(count))


in_thread.effect = in_loop.effect = False  # type: ignore[attr-defined]


async def measured(tool: Callable[..., object], calls: int, rounds: int) -> list[float]:
    """Milliseconds a call, of each round, as a program of a model's session sees them."""
    code = PROGRAM.format(calls=calls, rounds=rounds, name=tool.__name__)
    command = json.dumps({"command": f"python3 - <<'END'\n{code}\nEND"})
    model = Scripted([[ToolCall(id="a" * 9, name="bash", arguments=command)], EDIT])
    with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder) / "home") as log:
        task = Task(prompt="Write a.py.", test_command=("python3", "-c", "import a"))
        await solve(task, model=model, settings=Settings(strategy="act"), log=log, tools=[tool])
    seconds: list[float] = json.loads(model.requests[1].messages[-1].content.splitlines()[0])
    return seconds


async def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    print(f"{'milliseconds a call':42} {'median':>8} {'least':>8}")
    for tool, words in ((in_loop, "async def"), (in_thread, "def, in a thread"), (effect, "with an effect")):
        seconds = await measured(tool, arguments.calls, arguments.rounds)
        print(f"{words:42} {statistics.median(seconds):8.3f} {min(seconds):8.3f}")


if __name__ == "__main__":
    asyncio.run(main())
