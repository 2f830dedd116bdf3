"""Whose turn it is: a pure function of the state."""

from dataclasses import dataclass

from coder.message import Message
from coder.participants.participant import Participant
from coder.state import State
from coder.task import Task
from coder.teams.round_robin import RoundRobin, default_team
from coder.turn import Turn
from tests.coder.states import code, outcome, started, state_of


@dataclass(frozen=True, slots=True)
class Speaker:
    """Never asked to speak here."""

    name: str

    async def speak(self, turn: Turn) -> Message:
        """Say nothing of use."""
        return Message(author=self.name, kind="plan", sample=1, attempt=1)


def speakers(*names: str) -> tuple[Participant, ...]:
    """Members with these names."""
    return tuple(Speaker(name) for name in names)


def said_by(*authors: str) -> State:
    """A state in which these have spoken, in this order."""
    spoken = [code(f"x = {i}", attempt=i + 1) for i in range(len(authors))]
    messages = [
        body.model_copy(update={"message": body.message.model_copy(update={"author": author})})
        for body, author in zip(spoken, authors, strict=True)
    ]
    return state_of([started(), *messages])


def test_members_speak_in_order_again_and_again() -> None:
    team = RoundRobin(speakers("a", "b", "c"))

    turns = [team.next(said_by(*"abcab"[:n])).name for n in range(6)]

    assert turns == ["a", "b", "c", "a", "b", "c"]


def test_a_team_in_a_team_has_one_turn_of_it() -> None:
    inner = RoundRobin(speakers("b", "c"), name="pair")
    outer = RoundRobin((Speaker("a"), inner, Speaker("d")))

    assert [outer.next(said_by(*before)).name for before in ("", "a", "ab", "abd")] == ["a", "pair", "d", "a"]


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
