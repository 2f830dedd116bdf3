"""What a model is told of a conversation's earlier messages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coder.engine.prompting.history import history, history_budget
from coder.models.tokens import input_tokens
from coder.run.event_types import RunStopped
from coder.run.message import Message, Outcome, OutcomeMessage, PlanMessage
from coder.run.records.landing import Landing
from coder.run.records.progress import Progress
from coder.run.records.spend import Spend
from coder.run.settings import Settings
from coder.run.state import State
from coder.run.task import Task
from tests.linear_work import assert_linear

LONG = "many words about it. " * 60


def step(prompt: str, *messages: Message) -> State:
    settings = Settings(chat=True)
    stopped = RunStopped(status="solved", reason="tests pass", exit_code=0)
    return State(
        run="r",
        task=Task(prompt=prompt),
        settings=settings,
        model="m",
        spend=Spend(budget=settings.budget),
        progress=Progress(messages=messages, stopped=stopped),
        landing=Landing(written=("a.py",)),
    )


def state(*steps: State) -> State:
    settings = Settings(chat=True)
    now = Task(prompt="now this")
    spend = Spend(budget=settings.budget)
    return State(run="r", task=now, settings=settings, model="m", spend=spend, steps=steps)


def plan(text: str) -> Message:
    return PlanMessage(author="planner", text=text)


def failed(feedback: str) -> Message:
    outcome = Outcome(passed=False, verified="tests", feedback=feedback)
    return OutcomeMessage(author="executor", outcome=outcome)


def test_the_first_message_of_a_conversation_has_no_history() -> None:
    assert history(state(), budget=1_000) == []


def test_however_small_the_budget_what_was_asked_first_is_kept_and_what_is_left_out_is_counted() -> None:
    steps = (step("build a parser"), *[step(f"message {n}: {LONG}") for n in range(30)])

    text = "\n".join(message.content for message in history(state(*steps), budget=600))

    assert "build a parser" in text
    assert "of the messages that came next are left out here" in text


def test_the_plan_and_the_failure_of_the_newest_message_are_told() -> None:
    messages = history(state(step("go", plan("1. tokens first"), failed("KeyError: 'x'"))), budget=1_000)

    assert "1. tokens first" in messages[1].content
    assert "KeyError: 'x'" in messages[1].content


def test_the_newest_message_is_told_most_fully() -> None:
    steps = [step(f"{word} {LONG}") for word in ("first", "second", "third")]

    _, _, second, _, third, _ = history(state(*steps), budget=1_300)

    assert len(third.content) > len(second.content)


def test_a_failure_that_was_mended_in_the_same_message_is_not_told() -> None:
    passed = OutcomeMessage(author="executor", outcome=Outcome(passed=True, verified="tests"))

    messages = history(state(step("go", failed("KeyError"), passed)), budget=1_000)

    assert "KeyError" not in messages[1].content


@pytest.mark.slow
@given(st.lists(st.text(min_size=1, max_size=3_000), min_size=1, max_size=12), st.integers(1, 20_000))
def test_user_and_model_take_turns_and_the_budget_holds_for_all_that_may_be_left_out(
    prompts: list[str], budget: int
) -> None:
    messages = history(state(*map(step, prompts)), budget=budget)

    assert [message.role for message in messages] == ["user", "assistant"] * (len(messages) // 2)
    assert input_tokens(messages) <= budget or len(messages) <= 2


@pytest.mark.parametrize("budget", [400, 4_000, 16_000])
def test_a_conversation_of_a_thousand_messages_costs_no_more_than_its_length(budget: int) -> None:
    def talk(count: int) -> State:
        return state(*[step(f"message {n}: {LONG}", failed(LONG)) for n in range(count)])

    assert_linear(lambda long: history(long, budget=budget), talk, size=1_000)


def test_a_small_model_is_told_little_and_a_large_one_more() -> None:
    assert history_budget(2_000) == 400
    assert history_budget(None) < history_budget(128_000) == 16_000
