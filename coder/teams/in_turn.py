"""InTurn: planner once if the task has steps, then coder and executor in turn. Escalate: an expert later."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.models.abilities import goes_on
from coder.participants.executor import Executor
from coder.participants.planner import Planner, wants_plan
from coder.run.attempts import tried
from coder.run.state import State

if TYPE_CHECKING:
    from coder.participants.participant import Participant


@dataclass(frozen=True, slots=True)
class InTurn:
    """Takes its members in order; `skip` says which have nothing to do in a state."""

    members: "tuple[Participant, ...]"
    skip: "Callable[[Participant, State], bool]" = lambda member, state: False

    def next(self, state: State) -> "Participant":
        """Whose turn it is: the first member after the last speaker that has something to do."""
        author = state.last.author if state.last is not None else None
        start = next((i for i, member in enumerate(self.members, 1) if member.name == author), 0)
        order = [*self.members[start:], *self.members[:start]]
        return next((member for member in order if not self.skip(member, state)), order[0])


def default_team() -> InTurn:
    """Planner, Coder, Executor: a plan only where it is wanted, no second run of the same code."""
    from coder.participants.coder import Coder  # a model that acts needs none of it

    return InTurn((Planner(), Coder(), Executor()), skip=_has_nothing_to_do)


def _has_nothing_to_do(member: "Participant", state: State) -> bool:
    if isinstance(member, Planner):
        return bool(state.progress.messages) or not wants_plan(state)
    if isinstance(member, Executor):
        return not state.awaits_execution
    return False


@dataclass(frozen=True, slots=True)
class Escalate:
    """The Coder; from the given number of failures on, the Expert in its place."""

    after: int = 2

    def next(self, state: State) -> "Participant":
        """Whose turn it is."""
        failed = sum(not outcome.passed for _, outcome in tried(state))
        repeated = sum(message.repeats for message in state.codes)  # a repeated answer has failed as well
        from coder.participants.coder import Coder, Expert

        return Expert() if failed + repeated >= self.after else Coder()


@dataclass(frozen=True, slots=True)
class _OneShot:
    """One answer, and what it does."""

    def next(self, state: State) -> "Participant":
        """Whose turn it is: a small model continues a function that is begun for it."""
        if goes_on(state.model):
            from coder.sampling.completion import completion

            if completion().can_complete(state):
                return completion().participant()
        from coder.participants.coder import Coder

        return Coder()


def one_shot_team() -> _OneShot:
    """One answer, which the loop has tried."""
    return _OneShot()
