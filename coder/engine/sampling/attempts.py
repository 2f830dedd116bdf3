"""Attempts: fresh starts at one task, each a run of its own, under one budget; the best one is the result.

The run that they are made for asks no model: its one participant starts the attempts, ends early once further
ones would change nothing, and takes over the change of the one that is chosen. A resume continues them all.
"""

from dataclasses import dataclass

from coder.engine.participants.participant import Participant
from coder.engine.participants.role import awaits_plan
from coder.engine.sampling.attempt import AttemptRuns
from coder.engine.sampling.series import Series
from coder.engine.turn.turn import Turn
from coder.run.attempts import ATTEMPTS, is_rejection
from coder.run.message import Message
from coder.run.state import State
from coder.run.termination import Reason, Stop, contradiction, going_round, nothing_to_mend, verdict


@dataclass(frozen=True, slots=True)
class Drawing:
    """The participant that makes the attempts of a run."""

    runs: AttemptRuns
    name: str = ATTEMPTS
    keeps_time: bool = True
    """Its attempts end by the run's limits themselves."""

    async def speak(self, turn: Turn) -> Message | None:
        """Make attempts until further ones would change nothing, and take over the best change.

        Raises:
            Waits: an attempt asks what nobody answers now.
        """
        await turn.baseline()
        if nothing_to_mend(turn.state) is not None:
            return None
        series = Series(self.runs, turn)
        chosen = await series.run()
        return await series.conclude(chosen)


def attempts_stop() -> Stop:
    """The run is over once one of its attempts was chosen, or none could be."""
    return Stop(_rule) | going_round


def _rule(state: State) -> Reason | None:
    choice, outcome = state.progress.choice, state.outcome
    if choice is None or state.awaits_execution:
        return None
    if choice.attempt and state.last is not None and is_rejection(state.last):
        return None  # the chosen attempt goes on
    if outcome is not None and outcome.passed:
        return verdict(state, outcome)
    if outcome is not None and (reason := contradiction(outcome)) is not None:
        return reason
    if choice.status in ("solved", "unverified"):  # a person's own version, or files have changed
        return Reason("unsolved", "the change does not pass")
    return Reason(choice.status, choice.reason)


@dataclass(frozen=True, slots=True)
class AttemptsTeam:
    """The team of a run whose work is done by attempts."""

    drawing: Drawing

    def next(self, state: State) -> Participant:
        """Whose turn it is: one plan, where that is wanted, is for all attempts."""
        if not self._awaits_plan(state):
            return self.drawing
        from coder.engine.participants.planner import Planner  # most tasks have no plan

        return Planner(acts=state.settings.may_act)

    def _awaits_plan(self, state: State) -> bool:
        is_ordered = state.settings.plan is True or "plan" in state.settings.approve
        is_wanted = is_ordered or state.settings.strategy == "repair"
        return is_wanted and not state.progress.attempts and awaits_plan(state)
