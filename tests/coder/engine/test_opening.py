"""Limits of a conversation about the result of a run, and tasks that begin none."""

import pytest

from coder.base.errors import UsageError
from coder.engine.agent import solve
from coder.engine.chat.opening import as_conversation
from coder.models.scripted import Scripted
from coder.run.option_table import OF_A_CONVERSATION
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task
from tests.memory_log import MemoryLog


def test_a_limit_that_the_configuration_sets_holds_even_where_it_equals_the_default() -> None:
    name = next(iter(OF_A_CONVERSATION))
    settings = Settings(budget=Budget())
    state = State(
        run="run_a", task=Task(prompt="x"), settings=settings, model="m", spend=Spend(budget=settings.budget)
    )

    kept = as_conversation(settings, state, user_limits=(name,)).budget
    usual = as_conversation(settings, state).budget

    assert getattr(kept, name) == getattr(Budget(), name)
    assert getattr(usual, name) == OF_A_CONVERSATION[name] != getattr(kept, name)


@pytest.mark.parametrize("prompt", [" ", "half of a pair \ud800"])
async def test_a_task_without_a_text_that_can_be_sent_begins_no_run(prompt: str) -> None:
    task = Task(prompt="-").model_copy(update={"prompt": prompt})

    with pytest.raises(UsageError):
        await solve(task, model=Scripted([]), log=(log := MemoryLog()), run_id="run_a")

    assert await log.read("run_a") == []
