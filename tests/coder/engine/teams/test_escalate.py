"""Escalate: after failures a second model goes on with the dialogue of the first."""

import json

import pytest

from coder.context.quoting import tokens
from coder.models.abilities import Abilities
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.models.wrapper import RoleModels
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

TASK = Task(prompt="Write add(a, b).", checks=("assert add(2, 2) == 4", "assert add(2, 3) == 5"))
MINUS, FIVE, PLUS = (
    f"solution.py\n```python\ndef add(a, b):\n    return {sum_}\n```\n" for sum_ in ("a - b", "5", "a + b")
)
NO_ROOM = Abilities(context=2048)


def bash(command: str, at: int = 1) -> list[ToolCall]:
    return [ToolCall(id=f"look{at:05}", name="bash", arguments=json.dumps({"command": command}))]


async def escalated(cheap: Scripted, strong: Scripted) -> Run:
    """A run of which a second model is asked after two failures."""
    settings = Settings(strategy="escalate", strong_model=strong.name)
    model = RoleModels(cheap, {"expert": strong})
    return await solve(TASK, model=model, settings=settings, log=MemoryLog())


@pytest.mark.slow
async def test_the_second_model_goes_on_with_the_first_ones_dialogue_and_tools() -> None:
    cheap, strong = Scripted([MINUS, FIVE], name="a/cheap"), Scripted([PLUS], name="a/strong")

    run = await escalated(cheap, strong)

    before, now = cheap.requests[-1], strong.requests[0]
    assert run.status == "solved"
    assert now.messages[: len(before.messages)] == before.messages
    assert now.messages[len(before.messages)].content == FIVE
    assert "assert add(2, 2) == 4" in now.messages[-1].content
    assert now.form is not None
    assert "bash" in {tool.name for tool in now.form.tools}


async def test_the_first_model_alone_is_asked_where_it_fails_once() -> None:
    cheap, strong = Scripted([MINUS, PLUS], name="a/cheap"), Scripted([], name="a/strong")

    run = await escalated(cheap, strong)

    assert (run.status, len(cheap.requests), len(strong.requests)) == ("solved", 2, 0)


async def test_a_first_model_that_gives_up_is_followed_by_the_second() -> None:
    cheap, strong = Scripted([MINUS, MINUS], name="a/cheap"), Scripted([PLUS], name="a/strong")

    run = await escalated(cheap, strong)

    assert (run.status, len(strong.requests)) == ("solved", 1)


async def test_a_first_model_that_only_talks_is_followed_by_the_second() -> None:
    cheap = Scripted(["I can't.", "I really can't.", "No."], name="a/cheap")
    strong = Scripted([PLUS], name="a/strong")

    run = await escalated(cheap, strong)

    assert (run.status, len(strong.requests)) == ("solved", 1)


async def test_two_models_that_only_repeat_an_answer_end_the_run() -> None:
    cheap, strong = Scripted([MINUS, MINUS], name="a/cheap"), Scripted([MINUS], name="a/strong")

    run = await escalated(cheap, strong)

    assert (run.status, len(strong.requests)) == ("unsolved", 1)


@pytest.mark.slow
async def test_the_dialogue_is_folded_to_the_second_models_window_and_its_calls_keep_their_ids() -> None:
    looks = [bash(f"printf '{at} %.0s' $(seq 2000)", at) for at in range(1, 9)]
    cheap = Scripted([*looks, MINUS, FIVE], name="a/cheap")
    window = 12_000
    strong = Scripted([PLUS], name="a/strong", abilities=Abilities(context=window))

    run = await escalated(cheap, strong)

    before, now = (model.requests[-1].messages for model in (cheap, strong))
    earlier_ids = [call.id for message in before for call in message.tool_calls]
    kept = [call.id for message in now for call in message.tool_calls]
    assert run.status == "solved"
    assert sum(tokens(message.content) for message in before) > 0.8 * window
    assert sum(tokens(message.content) for message in now) < 0.6 * window
    assert kept
    assert kept == earlier_ids[-len(kept) :]


async def test_a_model_without_tools_is_followed_by_one_that_finds_its_answer_in_the_session() -> None:
    cheap = Scripted([MINUS, FIVE], name="a/cheap", abilities=NO_ROOM)
    strong = Scripted([bash("cat solution.py"), PLUS], name="a/strong")

    run = await escalated(cheap, strong)

    assert [request.form for request in cheap.requests] == [None, None]
    assert run.status == "solved"
    assert "assert add(2, 2) == 4" in strong.requests[0].messages[-1].content
    assert "return 5" in strong.requests[1].messages[-1].content


async def test_two_models_without_tools_share_the_folded_dialogue() -> None:
    cheap = Scripted([MINUS, FIVE], name="a/cheap", abilities=NO_ROOM)
    strong = Scripted([PLUS], name="a/strong", abilities=NO_ROOM)

    run = await escalated(cheap, strong)

    roles = [message.role for message in strong.requests[0].messages]
    assert (run.status, roles) == ("solved", ["system", "user", "assistant", "user"])
    assert strong.requests[0].messages[:2] == cheap.requests[0].messages
