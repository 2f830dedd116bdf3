"""Limits of a conversation about the result of a run."""

from coder.engine.chat.opening import as_conversation
from coder.run.option_table import OF_A_CONVERSATION
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task


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
