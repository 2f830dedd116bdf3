"""What holds in a conversation that goes on: its own settings, and of this command line what was named."""

from coder.config.schema import Config, checked, flag
from coder.people.cli import run_settings
from coder.run.records.spend import Spend
from coder.run.settings import Budget, Settings
from coder.run.state import State
from coder.run.task import Task

NOTHING: dict[str, object] = {"allow": None, "replay": None, "commit": False, "price": None}


def state(settings: Settings) -> State:
    return State("run_1", Task(prompt="-"), settings, "some/model", Spend(budget=settings.budget))


def changed_conversation(before: State, flags: Config, args: dict[str, object]) -> Settings:
    """The settings of a conversation that goes on, where no file of the user's sets a limit."""
    return run_settings.changed_conversation(before, flags, args, user_limits=())


def test_a_limit_that_a_file_of_the_users_sets_is_kept_though_it_is_the_default() -> None:
    before, default = state(Settings()), Budget()

    kept = run_settings.changed_conversation(before, Config(), NOTHING, user_limits=("max_calls",))
    raised = changed_conversation(before, Config(), NOTHING)

    assert kept.budget.max_calls == default.max_calls < raised.budget.max_calls


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
