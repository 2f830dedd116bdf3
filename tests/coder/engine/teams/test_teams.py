"""Whose turn it is: a pure function of the state."""

from coder.engine.loop import speaker
from coder.engine.teams.coding_team import CodingTeam
from coder.run.event_types import Spoken
from coder.run.message import PlanMessage
from coder.run.task import Task
from tests.coder.states import code, outcome, started, state_of


def test_planner_coder_and_executor_speak_in_turn() -> None:
    planned = [
        started(plan=True),
        Spoken(message=PlanMessage(author="planner")),
    ]
    bodies = [*planned, code("x"), outcome(False), code("y"), outcome(False)]

    states = [state_of(bodies[:n]) for n in range(1, len(bodies) + 1)]
    turns = [who.name for state in states if (who := speaker(state, CodingTeam(), None)) is not None]

    assert turns == ["planner", "coder", "executor", "coder", "executor", "coder"]


def test_code_that_was_tried_before_goes_back_to_the_coder() -> None:
    state = state_of([started(), code("x"), outcome(False), code("x", repeats=True)])

    assert CodingTeam().next(state).name == "coder"


def test_a_plan_comes_first_only_where_it_is_wanted() -> None:
    names = [CodingTeam().next(state_of([started(plan=plan)])).name for plan in (True, False)]

    assert names == ["planner", "coder"]


def test_tests_that_the_command_names_are_nothing_to_plan_for() -> None:
    command = ("pytest", "tests/test_a.py", "tests/test_b.py")
    sentence = f"Make `{' '.join(command)}` pass."
    prompts = (sentence, f"{sentence} Change a.py and b.py.")
    tasks = [Task(prompt=prompt, test_command=command) for prompt in prompts]

    names = [CodingTeam().next(state_of([started(task, plan=None)])).name for task in tasks]

    assert names == ["coder", "planner"]
