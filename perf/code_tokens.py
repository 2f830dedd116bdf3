"""Tokens of tasks that need several calls of the user's tools: by programs, and call by call.

40 tools of a shop, 10 tasks of 5 to 30 calls. Scripted answers on both sides, which give the same result;
call by call, as many as may stand in one answer do: the cheapest way. python -m perf.code_tokens
"""

import asyncio
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from coder import Settings, Task, solve
from coder.models.model import Form, ToolCall
from coder.models.scripted import Scripted
from coder.models.tokens import input_tokens
from coder.store import SqliteLog
from coder.tools.tool import tool_of

TOPICS = ("orders", "customers", "stock", "prices", "returns", "invoices", "suppliers", "visits")
VERBS = ("find", "list", "count", "describe", "history")
END = "a.py\n```python\nx = 1\n```\n"


def tool_for(verb: str, topic: str) -> Callable[..., object]:
    """A tool that reads records of a topic."""

    async def tool(number: int, region: str = "north", limit: int = 20, detailed: bool = True) -> object:
        dice = random.Random(f"{verb} {topic} {number} {region}")
        return [
            {"id": n, "region": region, "topic": topic, "value": dice.randrange(1000)} for n in range(limit)
        ]

    tool.__name__ = f"{verb}_{topic}"
    tool.__doc__ = (
        f"{verb.title()} {topic} of a shop.\n\nRecords come by their number, newest first. `region` is one "
        "of north, south, east and west; `limit` is how many records are given; `detailed` adds all fields."
    )
    tool.effect = False  # type: ignore[attr-defined]
    return tool


TOOLS = [tool_for(verb, topic) for verb in VERBS for topic in TOPICS]
TASKS = [(random.Random(n).choice(TOOLS).__name__, 5 + 25 * n // 9) for n in range(10)]
"""The tool and how often it is called: what is asked for is the sum of all values."""


async def tokens(
    answers: Sequence[list[ToolCall] | str], tools: Sequence[Callable[..., object]]
) -> tuple[int, str]:
    """Input tokens of all requests, and what the model was told last."""
    model = Scripted(answers)
    task = Task(prompt="Sum the values.", test_command=("python3", "-c", "import a"))
    with tempfile.TemporaryDirectory() as folder, SqliteLog(Path(folder) / "home") as log:
        await solve(task, model=model, settings=Settings(strategy="act"), log=log, tools=tools)
    sent = sum(input_tokens(request.messages, request.form) for request in model.requests)
    return sent, "\n".join(m.content for m in model.requests[-1].messages if m.role == "tool")


def call(name: str, place: int = 0, **arguments: Any) -> ToolCall:  # noqa: ANN401 - as JSON
    """A call."""
    return ToolCall(id=f"call{place:05}", name=name, arguments=json.dumps(arguments))


async def main() -> None:
    """Measure, and print a table."""
    ratios = []
    for name, count in TASKS:
        code = f"import tools\nprint(sum(r['value'] for n in range({count}) for r in tools.{name}(n)))"
        program = call("bash", command=f"python3 - <<'END'\n{code}\nEND")
        ours, said = await tokens([[program], END], TOOLS)
        # at most 20 calls stand in one answer
        numbers = [range(start, min(start + 20, count)) for start in range(0, count, 20)]
        (own,) = [tool for tool in TOOLS if tool.__name__ == name]
        answers = [*([call(name, n, number=n) for n in some] for some in numbers), END]
        singly, results = await tokens(answers, [own])
        # this many schemas are never sent together: what the others would add to each request
        others = Form(tools=tuple(tool_of(tool).spec for tool in TOOLS if tool is not own))
        singly += len(answers) * (input_tokens([], others) - input_tokens([]))
        values = [row["value"] for line in results.splitlines() for row in json.loads(line)]
        assert str(sum(values)) == said.splitlines()[0], (values, said)
        ratios.append(ours / singly)
        print(f"{name:20} {count:3} calls  {ours:8,} tokens by code, {singly:8,} by calls: {ratios[-1]:.2f}")
    print(f"mean ratio {sum(ratios) / len(ratios):.2f}")


if __name__ == "__main__":
    asyncio.run(main())
