"""Orchestrated: facts and a plan first, then its steps; progress is measured by tests, and only then asked.

After Magentic-One (Fourney et al., 2024), whose ledger is asked for at every turn.
"""

from dataclasses import replace
from typing import Literal

from pydantic import Field

from coder.participants.orchestrator import Orchestrator
from coder.participants.participant import Participant
from coder.run.message import TURNS, Message
from coder.run.state import State
from coder.run.termination import Reason
from coder.teams.member import Member
from coder.teams.spec import Nested, Place, TeamSpec

_QUIET = 2
"""Outcomes in a row without progress, after which the orchestrator is asked."""


class Orchestrated(TeamSpec):
    """Members that a plan of an orchestrator gives their parts."""

    kind: Literal["orchestrated"] = "orchestrated"
    stalls: int = Field(default=3, ge=1, le=100)
    """Looks of the orchestrator without progress between, after which it plans anew."""
    replans: int = Field(default=2, ge=0, le=100)
    """New plans, after which it is stuck."""

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """The next step's member; the orchestrator where there is no plan, or no progress."""
        said = state.messages
        at = max((i for i, m in enumerate(said) if m.kind == "ledger" and m.within == within), default=None)
        about = {node.name: node.brief if isinstance(node, Member) else "" for node in self.speakers}
        if at is None:
            return Orchestrator(about, within, is_new=True)
        deep = len(within)
        own = [m for m in said if m.within == within or (m.within[:deep] == within and m.kind != "ledger")]
        if _stalled(own) >= _QUIET:
            looks = sum(m.kind == "ledger" for m in _since_progress(own))
            return Orchestrator(about, within, is_new=looks % self.stalls == 0)
        ledger = said[at].ledger
        since = [replace(state, messages=said[: i + 1]) for i in range(at + 1, len(said))]
        taken = sum(self._ends_step(until, within) for until in since)
        steps = [step.member for step in ledger.steps] if ledger is not None else []
        if taken < len(steps) and (node := self.named(steps[taken])) is not None:
            return node
        return self.after(state, within)

    def _ends_step(self, state: State, within: Place) -> bool:
        """Whether a step of the plan ends with the last message: a member's, or of a team that is through."""
        last = state.last
        if last is None or last.kind not in TURNS or last.within[: len(within)] != within:
            return False
        node = self.named(last.within[len(within)]) if last.within != within else None
        return not isinstance(node, Nested) or node.is_over(state, within)

    def given_up(self, state: State, within: Place = ()) -> Reason | None:
        """Done, as far as the orchestrator knows; or stuck after so many plans."""
        ledgers = [m for m in state.messages if m.kind == "ledger" and m.within == within]
        if ledgers and ledgers[-1].ledger is not None and ledgers[-1].ledger.satisfied:
            return Reason("unverified", "the orchestrator is satisfied; nothing shows that the task is done")
        if len(ledgers) > 1 + self.stalls * (self.replans + 1):
            return Reason("stuck", f"{self.replans + 1} plans brought no progress")
        return None


def _failing(message: Message) -> int | None:
    """How many checks fail; None of what wasn't run."""
    outcome = message.outcome
    if outcome is None:
        return None
    return 0 if outcome.passed else max(1, sum(not line.passed for line in outcome.checks))


def _stalled(messages: list[Message]) -> int:
    """Outcomes since the latest ledger that are no better than the best until then."""
    best, stalled = None, 0
    for message in messages:
        failing = _failing(message)
        if message.kind == "ledger":
            stalled = 0
        elif failing is not None:
            is_better = best is None or failing < best
            stalled, best = (0, failing) if is_better else (stalled + 1, best)
    return stalled


def _since_progress(messages: list[Message]) -> list[Message]:
    """The messages after the latest outcome that was better than all before it."""
    best, at = None, 0
    for i, message in enumerate(messages):
        failing = _failing(message)
        if failing is not None and (best is None or failing < best):
            best, at = failing, i
    return messages[at:]
