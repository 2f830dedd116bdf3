"""CodingTeam: Planner and Coder, the team of every strategy; `escalate` changes the model."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.engine.participants.role import CODER, awaits_plan
from coder.models.abilities import continues_text
from coder.run.attempts import tried
from coder.run.message import EXPERT
from coder.run.state import State
from coder.run.termination import Reason, Stop, default_stop

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
        from coder.engine.participants.role import Role

        is_expert = self.expert_after is not None and has_failed(state, self.expert_after)
        return Coder(Role(name=EXPERT) if is_expert else Role(), acts=self.acts)

    def stop(self) -> Stop:
        """Return the stop condition. A failure that the second model takes over ends no run."""
        return Stop(self._reason)

    def _reason(self, state: State) -> Reason | None:
        acts = self.acts
        if acts is None:  # by tools if a dialogue with tools has begun
            acts = bool(state.dialogue.messages_of(CODER)) or not state.codes
        if acts:
            from coder.engine.teams.act import act_stop  # loaded when a model acts

            reason = act_stop()(state)
        else:
            reason = default_stop()(state)
        if self.expert_after is None or reason is None or reason.status not in ("unsolved", "stuck"):
            return reason
        is_before_expert = all(code.author != EXPERT for code in state.codes)
        return None if is_before_expert and has_failed(state, self.expert_after) else reason


def has_failed(state: State, times: int) -> bool:
    """Return whether so many outcomes failed or were repeated, or a model with tools changed nothing."""
    failed_count = sum(not outcome.passed for _, outcome in tried(state))
    repeated_count = sum(code.repeats for code in state.codes)
    is_idle = any(not code.is_change and not code.repeats for code in state.codes)
    return failed_count + repeated_count >= times or (is_idle and bool(state.dialogue.messages_of(CODER)))
