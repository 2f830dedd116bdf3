"""Conversation: any team, and a human who decides before a change lands; an answer may be words alone."""

from dataclasses import dataclass

from coder.loop import Concluding, Team
from coder.participants.human import Human
from coder.participants.participant import Participant
from coder.run.attempts import before_talk, is_decided, is_rejection, tried
from coder.run.message import HUMAN
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
        if is_talk(state):
            return Human()
        reason = self.stop(state)
        if reason is None or not awaits_decision(state):
            return self.team.next(state)
        return self.team.next(state) if reason.status == "limit" and self._chooses(state) else Human()

    def has_last_word(self, state: State) -> bool:
        """Whether a change waits for the human, or is chosen before: a limit doesn't end that."""
        return is_talk(state) or awaits_decision(state) or self._chooses(state)

    def _chooses(self, state: State) -> bool:
        return isinstance(self.team, Concluding) and self.team.has_last_word(state)


def conversation_stop(stop: Stop) -> Stop:
    """Done when words are the answer, the human has decided, or no change waits for that, as `stop` says."""

    def rule(state: State) -> Reason | None:
        if is_talk(state):
            return None
        if state.last is not None and state.last.kind == "reply":
            return Reason("unverified", "it was answered in words")
        if is_decided(state):
            return stop(before_talk(state.with_messages(state.progress.messages[:-1])))
        reason = stop(state)
        return None if reason is not None and awaits_decision(state) else reason

    return Stop(rule)


def is_talk(state: State) -> bool:
    """Whether words have answered the human's words about a change: the change is asked about again."""
    return before_talk(state) is not state and bool(tried(state))


@dataclass(frozen=True, slots=True)
class Offer:
    """A conversation's team and stop that first ask about a change made earlier, whether it passes or not."""

    team: Team
    stop: Stop
    heard: int
    """Messages before the change was offered again."""

    def next(self, state: State) -> Participant:
        """The human once the change was tried, and then whoever the conversation names."""
        return Human() if self._is_open(state) else self.team.next(state)

    def has_last_word(self, state: State) -> bool:
        """Whether the human is asked, whatever limit was reached."""
        return self._is_open(state) or (isinstance(self.team, Concluding) and self.team.has_last_word(state))

    def until(self, state: State) -> Reason | None:
        """None before the human has answered; a decision ends it."""
        if self._is_open(state):
            return None
        reason = self.stop(state)
        return reason or (Reason("unsolved", "the change does not pass") if is_decided(state) else None)

    def _is_open(self, state: State) -> bool:
        since = state.progress.messages[self.heard :]
        return awaits_decision(state) and not any(message.author == HUMAN for message in since)


def awaits_decision(state: State) -> bool:
    """Whether there is a change that the human has not been asked about."""
    if state.last is None or state.awaits_execution or state.landing.refused is not None:
        return False
    if state.last.kind in ("reply", "decision", "plan") or is_rejection(state.last):
        return False
    return bool(tried(state))
