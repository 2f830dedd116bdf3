"""A run whose model wants its thinking back: it is in the log, and a resume sends the same bytes."""

import json
from pathlib import Path
from typing import Any

import pytest

from coder.models.chat_completions import ChatModel
from coder.models.endpoint import Endpoint
from coder.run.task import Task
from tests.coder.models.asking import QUICK, endpoint_of
from tests.faulty_endpoint import faulty_endpoint, message, tool_call
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .test_acting import RIGHT, SETTINGS, project
from .test_acting_cut import TEST, cut_log

pytestmark = [KEPT, RECORDED]

__all__ = ["project"]


def thought(number: int) -> dict[str, Any]:
    """A block of signed thinking."""
    return {"type": "thinking", "thinking": f"Step {number}: lœk.", "signature": f"{number}" * 300}


def use(name: str, **arguments: object) -> dict[str, Any]:
    """A call of a tool, under an id of its own."""
    return {"type": "tool_use", "id": tool_call(name)["id"], "name": name, "input": arguments}


@pytest.mark.slow
async def test_a_resume_sends_the_thinking_of_the_calls_before_byte_for_byte(project: Path) -> None:
    answers = [
        message(thought(1), use("bash", command="cat calc.py"), stop="tool_use"),
        message(thought(2), use("edit", path="calc.py", old="a - b", new="a + b"), stop="tool_use"),
        message(thought(3), use("done", summary="It adds now."), stop="tool_use"),
    ]
    log, task = MemoryLog(), Task(prompt="Mend add.", workspace=project, test_command=TEST)

    with faulty_endpoint(*answers, answers[2]) as server:
        endpoint: Endpoint = endpoint_of(server, name="anthropic/claude-toy", api="messages")
        async with ChatModel(endpoint, patience=QUICK) as model:
            first = await solve(task, model=model, settings=SETTINGS, log=log)
        events = await log.read(first.run_id)
        last = max(n for n, event in enumerate(events) if event.type == "model.answered")
        (project / "calc.py").write_text(RIGHT.replace("+", "-"))
        cut = await cut_log(events[:last], first.run_id)
        async with ChatModel(endpoint, patience=QUICK) as model:
            again = await resume(first.run_id, model=model, log=cut)

    *_, third, repeated = [json.dumps(request.body["messages"]) for request in server.requests]
    assert (first.status, again.status, len(server.requests)) == ("solved", "solved", 4)
    assert third == repeated
    assert json.dumps(thought(1)) in third
    assert json.dumps(thought(2)) in third
