"""CodingTeam: Planner and Coder, the team of every strategy; `escalate` changes the model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.engine.participants.role import CODER, Role, awaits_plan
from coder.models.abilities import continues_text
from coder.run.message import EXPERT
from coder.run.state import State
from coder.run.termination import Reason, Stop

if TYPE_CHECKING:
    from coder.engine.participants.participant import Participant


@dataclass(frozen=True, slots=True)
class CodingTeam:
    """The Planner if the run needs a plan, then the Coder."""

    acts: bool | None = False
    """Whether the Coder works by tools; None: it does if its model can."""
    expert_after: int | None = None
    """Failed outcomes after which the model of the role `expert` continues the dialogue."""
    completes: bool = False
    """Whether a model that continues texts completes a given beginning, without a plan."""

    def next(self, state: State) -> "Participant":
        """Return the participant that speaks next."""
        is_wanted = state.settings.plan is True or "plan" in state.settings.approve
        # With tools, the Coder plans itself unless the user wants a plan.
        if not self.completes and (is_wanted or self.acts is False) and awaits_plan(state):
            from coder.engine.participants.planner import Planner  # imported late: most tasks have no plan

            return Planner(acts=self.acts is not False)
        if self.completes and continues_text(state.model):
            from coder.engine.sampling.completion import completion

            if completion().can_complete(state):
                return completion().participant()
        from coder.engine.participants.coder import Coder  # loaded when a model is asked

        if self.expert_after is not None:
            from coder.engine.teams.escalation import has_failed  # imported late: few runs have an expert

            if has_failed(state, self.expert_after):
                return Coder(Role(name=EXPERT), acts=self.acts)
        return Coder(Role(), acts=self.acts)

    def stop(self) -> Stop:
        """Return the stop condition. A failure that the second model takes over ends no run."""
        return Stop(self._reason)

    def _reason(self, state: State) -> Reason | None:
        acts = self.acts
        if acts is None:  # by tools if a dialogue with tools has begun
            acts = bool(state.dialogue.messages_of(CODER)) or not state.codes
        # A run needs only one of them.
        if acts:
            from coder.engine.teams.act import act_stop as stop_rule
        else:
            from coder.engine.teams.repair import repair_stop as stop_rule
        reason = stop_rule()(state)
        if self.expert_after is None:
            return reason
        from coder.engine.teams.escalation import unless_expert_follows

        return unless_expert_follows(reason, state, self.expert_after)
