"""Attempts: fresh starts at one task, each a run of its own, under one budget; the best one is the result.

The parent run asks no model: its only participant starts the attempts, stops once more of them would
change nothing, and takes over the chosen attempt's change. A resume continues all attempts.
"""

from dataclasses import dataclass

from coder.engine.participants.participant import Participant
from coder.engine.participants.role import awaits_plan
from coder.engine.sampling.series import Series
from coder.engine.turn.child_runs import ChildRuns
from coder.engine.turn.turn import Turn
from coder.run.attempts import ATTEMPTS
from coder.run.conversation import is_rejection
from coder.run.message import Message
from coder.run.state import State
from coder.run.termination import Reason, Stop, contradiction, going_round, nothing_to_mend, verdict
from coder.verify.baseline import longest_wait_s


@dataclass(frozen=True, slots=True)
class Drawing:
    """Participant that makes the attempts of a run."""

    runs: ChildRuns
    name: str = ATTEMPTS
    keeps_time: bool = True
    """Whether the attempts enforce the run's time limit themselves."""

    async def speak(self, turn: Turn) -> Message | None:
        """Make attempts until more of them would change nothing, and take over the best change.

        Raises:
            Waits: an attempt asks a question that nobody answers now.
        """
        # Attempts one by one wait for the tests of the run themselves, before they try what was written.
        await turn.baseline(None if longest_wait_s(turn.state) is None else 0.0)
        if nothing_to_mend(turn.state) is not None:
            return None
        series = Series(self.runs, turn)
        choice = await series.run()
        return await series.conclude(choice)


def attempts_stop() -> Stop:
    """Return the stop that ends the run once an attempt was chosen, or none can be."""
    return Stop(_rule) | going_round


def _rule(state: State) -> Reason | None:
    choice, outcome = state.progress.choice, state.outcome
    if choice is None or state.awaits_execution:
        return None
    if choice.attempt and state.last is not None and is_rejection(state.last):
        return None  # the chosen attempt continues
    if outcome is not None and outcome.passed:
        return verdict(state, outcome)
    if (reason := contradiction(outcome)) is not None:
        return reason
    if choice.status in ("solved", "unverified"):  # the outcome is of a person's version, or of changed files
        return Reason("unsolved", "the change does not pass")
    return Reason(choice.status, choice.reason)


@dataclass(frozen=True, slots=True)
class AttemptsTeam:
    """Team of a run whose work is done by attempts."""

    drawing: Drawing

    def next(self, state: State) -> Participant:
        """Return the planner if a plan is needed, which all attempts share, else the drawing participant."""
        if not self._awaits_plan(state):
            return self.drawing
        from coder.engine.participants.planner import Planner  # imported late: most tasks have no plan

        return Planner(acts=state.settings.may_act)

    def _awaits_plan(self, state: State) -> bool:
        is_requested = state.settings.plan is True or "plan" in state.settings.approve
        is_wanted = is_requested or state.settings.strategy == "repair"
        return is_wanted and not state.progress.attempts and awaits_plan(state)
