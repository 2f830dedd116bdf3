"""Act: the Coder works in a session until it calls its work done, and the Executor decides whether it is."""

from coder.participants.actor import Actor
from coder.participants.executor import Executor
from coder.participants.participant import Participant
from coder.participants.planner import Planner, wants_plan
from coder.run.state import State
from coder.run.termination import (
    Reason,
    Stop,
    budget_reached,
    contradicts_tests,
    stuck,
    tests_pass,
    why_unverified,
)
from coder.teams.round_robin import RoundRobin


def act_team() -> RoundRobin:
    """The Planner where a plan is wanted, then Coder and Executor in turn."""
    return RoundRobin((Planner(), Actor(), Executor()), skip=_has_nothing_to_do)


def act_stop() -> Stop:
    """Solved at once; what nothing shows is remarked once, and the second `done` ends the run with it."""
    return _passed() | contradicts_tests() | given_up() | stuck() | budget_reached()


def given_up() -> Stop:
    """The model says that it is done, and has changed nothing since it was told otherwise."""

    def rule(state: State) -> Reason | None:
        last = state.last
        if last is None or last.kind != "code" or not last.repeats:
            return None
        outcome = next((m.outcome for m in reversed(state.messages) if m.outcome is not None), None)
        if outcome is not None and outcome.passed:
            return Reason("unverified", why_unverified(state, outcome))
        return Reason("unsolved", "the model calls it done again, and has changed nothing since it wasn't")

    return Stop(rule)


def _passed() -> Stop:
    passed = tests_pass()

    def rule(state: State) -> Reason | None:
        reason = passed(state)
        if reason is None or reason.status == "solved":
            return reason
        return reason if _is_remarked(state) or state.calls >= state.budget.calls else None

    return Stop(rule)


def _is_remarked(state: State) -> bool:
    """Whether the model was told already that nothing shows its work."""
    outcomes = [message.outcome for message in state.messages if message.outcome is not None]
    tried = 2 if state.codes[-1].check else 1  # a check that shows nothing is told, too
    return sum(outcome.passed for outcome in outcomes) > tried


def _has_nothing_to_do(member: Participant, state: State) -> bool:
    if isinstance(member, Planner):
        return bool(state.messages) or state.settings.plan is not True or not wants_plan(state)
    return isinstance(member, Executor) and not state.awaits_execution
