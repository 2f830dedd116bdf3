"""Conversation: any team, and a human who decides before a change lands; an answer may be words alone."""

from dataclasses import dataclass, replace

from coder.loop import Concluding, Team
from coder.participants.human import Human
from coder.participants.participant import Participant
from coder.run.attempts import is_decided, is_rejection, tried
from coder.run.state import State
from coder.run.termination import Reason, Stop


@dataclass(frozen=True, slots=True)
class Conversation:
    """A team whose end is the human's turn."""

    team: Team
    stop: Stop
    """The team's own."""

    def next(self, state: State) -> Participant:
        """Whose turn it is."""
        reason = self.stop(state)
        if reason is None or not awaits_decision(state):
            return self.team.next(state)
        has_last_word = isinstance(self.team, Concluding) and self.team.has_last_word(state)
        return self.team.next(state) if reason.status == "limit" and has_last_word else Human()


def conversation_stop(stop: Stop) -> Stop:
    """Done when words are the answer, the human has decided, or no change waits for that, as `stop` says."""

    def rule(state: State) -> Reason | None:
        if state.last is not None and state.last.kind == "reply":
            return Reason("unverified", "it was answered in words")
        if is_decided(state):
            return stop(replace(state, messages=state.messages[:-1]))
        reason = stop(state)
        return None if reason is not None and awaits_decision(state) else reason

    return Stop(rule)


def awaits_decision(state: State) -> bool:
    """Whether there is a change that the human has not been asked about."""
    if state.last is None or state.awaits_execution or state.refused is not None:
        return False
    if state.last.kind in ("reply", "decision", "plan") or is_rejection(state.last):
        return False
    return bool(tried(state))
