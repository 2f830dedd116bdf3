"""What holds in a conversation that goes on: its own settings, and of this command line what was named."""

from coder.config.schema import Config, checked, flag
from coder.people.cli.run_settings import changed_conversation
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task

NOTHING = {"allow": None, "replay": None, "commit": False, "price": None}


def state(settings: Settings) -> State:
    return State("run_1", Task(prompt="-"), settings, "some/model", Spend(budget=settings.budget))


def test_without_flags_nothing_changes() -> None:
    before = Settings(chat=True, budget=Budget(max_calls=9), sandbox="docker", allow=(".envrc",), commit=True)

    assert changed_conversation(state(before), Config(), NOTHING) == before


def test_each_flag_that_is_named_holds_from_now_on() -> None:
    before = Settings(chat=True, budget=Budget(max_calls=9), seed=3, allow=(".envrc",))
    values = {"max_calls": 20, "memory": 99, "network": "none", "sandbox": "container", "plan": False}
    flags = checked(values, flag)

    now = changed_conversation(state(before), flags, NOTHING | {"allow": ["Makefile"], "commit": True})

    assert now == Settings(
        chat=True,
        budget=Budget(max_calls=20),
        seed=3,
        memory=99,
        sandbox="container",
        plan=False,
        allow=(".envrc", "Makefile"),
        commit=True,
    )


def test_a_price_that_was_given_holds_for_as_long_as_the_same_model_answers() -> None:
    before = state(Settings(chat=True, price="1,2"))

    assert changed_conversation(before, Config(), NOTHING).price == "1,2"
    assert changed_conversation(before, Config(), NOTHING | {"price": "3,4"}).price == "3,4"
    assert changed_conversation(before, checked({"model": "other/model"}, flag), NOTHING).price is None


def test_a_run_that_becomes_a_conversation_gets_its_room_but_for_limits_that_were_named() -> None:
    now = changed_conversation(state(Settings(budget=Budget(timeout=60))), Config(), NOTHING)

    assert (now.budget.max_calls, now.budget.timeout) == (200, 60)
