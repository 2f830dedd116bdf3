"""Whose turn it is: a pure function of the state."""

from coder.participants.coder import Coder
from coder.participants.executor import Executor
from coder.participants.planner import Planner
from coder.run.state import State
from coder.run.task import Task
from coder.teams.in_turn import InTurn, default_team
from tests.coder.states import code, outcome, started, state_of


def said_by(*authors: str) -> State:
    """A state in which these have spoken, in this order."""
    spoken = [code(f"x = {i}", attempt=i + 1) for i in range(len(authors))]
    messages = [
        body.model_copy(update={"message": body.message.model_copy(update={"author": author})})
        for body, author in zip(spoken, authors, strict=True)
    ]
    return state_of([started(), *messages])


def test_members_speak_in_order_again_and_again() -> None:
    team = InTurn((Planner(), Coder(), Executor()))
    order = ["planner", "coder", "executor"] * 2

    turns = [team.next(said_by(*order[:n])).name for n in range(6)]

    assert turns == order


def test_code_that_was_tried_before_goes_back_to_the_coder() -> None:
    state = state_of([started(), code("x"), outcome(False), code("x", attempt=2, repeats=True)])

    assert default_team().next(state).name == "coder"


def test_a_plan_comes_first_only_where_it_is_wanted() -> None:
    names = [default_team().next(state_of([started(plan=plan)])).name for plan in (True, False)]

    assert names == ["planner", "coder"]


def test_tests_that_the_command_names_are_nothing_to_plan_for() -> None:
    command = ("pytest", "tests/test_a.py", "tests/test_b.py")
    named = f"Make `{' '.join(command)}` pass."
    prompts = (named, f"{named} Change a.py and b.py.")
    tasks = [Task(prompt=prompt, test_command=command) for prompt in prompts]

    names = [default_team().next(state_of([started(task, plan=None)])).name for task in tasks]

    assert names == ["coder", "planner"]
