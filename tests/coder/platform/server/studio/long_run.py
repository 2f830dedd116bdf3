"""A run of a model that has called many tools, as events."""

import json
from collections.abc import Iterator
from decimal import Decimal

from coder.models.model import ChatMessage, Sampling, ToolCall, Usage
from coder.run.event_types import Body, CallAnswered, CallIntended, ToolAnswered, ToolCalled
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from tests.coder.states import started


def long_run(events: int) -> list[Body]:
    """The first events of such a run; a fourth of them change a file."""
    steps = (body for number in range(1, events // 4 + 2) for body in _step(number))
    return [started(Task(prompt="Mend add.")), *steps][:events]


def _step(number: int) -> Iterator[Body]:
    arguments = json.dumps({"command": f"echo {number} | tee a.py"})
    called = ToolCall(id=f"c{number}", name="bash", arguments=arguments)
    usage = Usage(input_tokens=100, output_tokens=10)
    yield CallIntended(
        call=number, participant="coder", key="k", kept=3 * (number - 1), in_dialogue=True,
        messages=(ChatMessage(role="user", content=f"go on, {number}"),), sampling=Sampling(),
        reserved_tokens=9, reserved_usd=None,
    )  # fmt: skip
    yield CallAnswered(
        call=number, key="k", model="test/model", text=f"I write {number}.", tool_calls=(called,),
        finish="tool_calls", usage=usage, cost_usd=Decimal("0.001"), seconds=0.1,
    )  # fmt: skip
    yield ToolCalled(call=number, id=called.id, name="bash", arguments=arguments)
    yield ToolAnswered(
        call=number, id=called.id, name="bash", text=f"{number}\n", exit_code=0, seconds=0.1,
        changes={"a.py": StoredFile.of(f"{number}\n".encode())},
    )  # fmt: skip
