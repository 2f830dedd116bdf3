"""Kinds of teams: Selector, Handoff, Panel and Orchestrated; all of them fall back on RoundRobin's order."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field

from coder.engine.participants.leader import Orchestrator, Picker
from coder.engine.participants.member import Member
from coder.engine.participants.participant import Participant
from coder.engine.participants.together import Together
from coder.engine.teams.repair import contradicts_tests
from coder.engine.teams.spec import Nested, Place, TeamSpec, speaker_of
from coder.run.attempts import decisive_outcome
from coder.run.conditions import condition_of
from coder.run.message import HUMAN, AnswerMessage, Message, outcome_in
from coder.run.state import State
from coder.run.team_message import TURNS, ChoiceMessage, HandoffMessage, LedgerMessage
from coder.run.termination import Reason, Stop, going_round, stuck, tests_pass

_QUIET_OUTCOMES = 2
"""Outcomes in a row without progress after which the orchestrator speaks."""


class Selector(TeamSpec):
    """Team in which a model chooses a member before each turn."""

    kind: Literal["selector"] = "selector"
    brief: str = ""
    """Instructions for the choice."""
    repeats: bool = False
    """Whether the last speaker may be chosen again."""

    def choose(self, state: State, within: Place) -> Member | Nested | Participant:
        """Return the chosen member, or the picker if no choice was made yet."""
        latest = state.last
        if isinstance(latest, ChoiceMessage) and latest.within == within:
            return self.find_node(latest.to) or self.next_in_order(state, within)
        last_speaker = speaker_of(state, within)
        nodes = [node for node in self.speakers if self.repeats or node.name != last_speaker] or self.speakers
        if len(nodes) == 1:
            return nodes[0]
        return Picker(_roles(nodes), within, self.brief, otherwise=self.next_in_order(state, within).name)


class Handoff(TeamSpec):
    """Team whose members hand over to one another, or to the user."""

    kind: Literal["handoff"] = "handoff"

    def choose(self, state: State, within: Place) -> Member | Nested | Participant:
        """Return the member that the last speaker handed over to."""
        latest = state.last
        if latest is None or latest.within != within:
            return self.next_in_order(state, within)
        receiver = latest.to if isinstance(latest, HandoffMessage) else ""
        if isinstance(latest, AnswerMessage):
            receiver = speaker_of(state, within)
        return self.find_node(receiver) or self.next_in_order(state, within)

    def hands_to(self, member: Member) -> tuple[str, ...]:
        """Return the names of all other members, and the user."""
        return (*(node.name for node in self.speakers if node.name != member.name), HUMAN)


class Panel(TeamSpec):
    """Team whose members answer without reading one another in a round; `then` speaks after each round."""

    kind: Literal["panel"] = "panel"
    members: tuple[Member, ...] = Field(min_length=1)
    then: Member | None = None

    def leaves(self) -> Iterator[Member]:
        """Yield all members, then the member that sums up."""
        yield from self.members
        if self.then is not None:
            yield self.then

    def with_acts(self, acts: bool) -> Self:
        """Return the panel with `acts` set for the member that sums up, unless it has a value."""
        then = self.then
        if then is None or then.acts is not None:
            return self
        return self.model_copy(update={"then": then.model_copy(update={"acts": acts})})

    def choose(self, state: State, within: Place) -> Member | Nested | Participant:
        """Return the members that have not spoken in this round, to run concurrently; then the summarizer."""
        speakers_so_far = self._speakers_of_round(state, within)
        silent_members = [node for node in self.members if node.name not in speakers_so_far]
        if not silent_members and self.then is not None:
            return self.then
        speakers = silent_members or self.members
        return Together(tuple(member.participant_for(within, is_in_words=True) for member in speakers))

    def _speakers_of_round(self, state: State, within: Place) -> set[str]:
        """Return the names of members that have spoken since the last round's end."""
        authors: set[str] = set()
        names = {node.name for node in self.members}
        for message in reversed(state.progress.messages):
            if message.within != within or message.author not in names:
                if self.then is not None and message.author == self.then.name and message.within == within:
                    break
                continue
            if message.author in authors:
                break
            authors.add(message.author)
        return set() if self.then is None and authors == names else authors


class Orchestrated(TeamSpec):
    """Team whose members get their parts from an orchestrator's plan, which is only revised without progress.

    After Magentic-One (Fourney et al., 2024), which asks for the ledger at every turn.
    """

    kind: Literal["orchestrated"] = "orchestrated"
    stalls: int = Field(default=3, ge=1, le=100)
    """Reviews of the orchestrator without progress after which it makes a new plan."""
    replans: int = Field(default=2, ge=0, le=100)
    """New plans after which the team is stuck."""

    def choose(self, state: State, within: Place) -> Member | Nested | Participant:
        """Return the next step's member; the orchestrator if there is no plan or no progress."""
        messages = state.progress.messages
        plans = [
            (index, message)
            for index, message in enumerate(messages)
            if isinstance(message, LedgerMessage) and message.within == within
        ]
        if not plans:
            return Orchestrator(_roles(self.speakers), within, is_new=True)
        plan_index, plan = plans[-1]
        depth = len(within)
        team_messages = [
            message
            for message in messages
            if message.within == within or (message.within[:depth] == within and message.kind != "ledger")
        ]
        recent_messages = _since_progress(team_messages)
        last_review_index = max(
            (index for index, message in enumerate(recent_messages) if message.kind == "ledger"), default=0
        )
        if (
            sum(_failing_count(message) is not None for message in recent_messages[last_review_index + 1 :])
            >= _QUIET_OUTCOMES
        ):
            review_count = sum(message.kind == "ledger" for message in recent_messages)
            return Orchestrator(_roles(self.speakers), within, is_new=review_count % self.stalls == 0)
        states = [
            state.with_messages(messages[: index + 1]) for index in range(plan_index + 1, len(messages))
        ]
        steps_done = sum(self._ends_step(state_then, within) for state_then in states)
        steps = [step.member for step in plan.ledger.steps]
        if steps_done < len(steps) and (node := self.find_node(steps[steps_done])) is not None:
            return node
        return self.next_in_order(state, within)

    def _ends_step(self, state: State, within: Place) -> bool:
        """Return whether the last message ends a plan's step: a member's, or the last of a finished
        nested team.
        """
        latest = state.last
        if latest is None or latest.kind not in TURNS or latest.within[: len(within)] != within:
            return False
        node = self.find_node(latest.within[len(within)]) if latest.within != within else None
        return not isinstance(node, Nested) or node.is_over(state, within)

    def given_up(self, state: State, within: Place = ()) -> Reason | None:
        """Return the reason to end: the orchestrator is satisfied, or all new plans brought no progress."""
        ledgers = [
            message
            for message in state.progress.messages
            if isinstance(message, LedgerMessage) and message.within == within
        ]
        if ledgers and ledgers[-1].ledger.satisfied:
            return Reason("unverified", "the orchestrator is satisfied; nothing shows that the task is done")
        if len(ledgers) > 1 + self.stalls * (self.replans + 1):
            return Reason("stuck", f"{self.replans + 1} plans brought no progress")
        return None


def _failing_count(message: Message) -> int | None:
    """Return how many checks fail; None if the message is no outcome."""
    outcome = outcome_in(message)
    if outcome is None:
        return None
    return 0 if outcome.passed else max(1, sum(not line.passed for line in outcome.checks))


def _since_progress(messages: list[Message]) -> list[Message]:
    """Return the messages after the latest outcome that was better than all before it."""
    fewest_failing, start = None, 0
    for index, message in enumerate(messages):
        failing = _failing_count(message)
        if failing is not None and (fewest_failing is None or failing < fewest_failing):
            fewest_failing, start = failing, index
    return messages[start:]


def _roles(nodes: list[Member | Nested]) -> dict[str, str]:
    """Return the roles of members and nested teams by name."""
    return {node.name: node.brief for node in nodes}


def stop_of(team: TeamSpec, condition: str | None, custom: Stop | None = None) -> Stop:
    """Return the stop of a team: the conditions of every team, the logged condition, and one from Python."""
    combined = tests_pass | contradicts_tests | going_round | stuck
    if isinstance(team, Orchestrated):
        combined = combined | _after_execution(Stop(team.given_up))
    if condition is not None:
        combined = combined | _after_execution(condition_of(condition))
    return combined | _after_execution(custom) if custom is not None and not custom.text else combined


def _after_execution(stop: Stop) -> Stop:
    """Return a team's condition as a stop that waits for the code to run, and calls a failure unsolved."""

    def rule(state: State) -> Reason | None:
        reason = None if state.awaits_execution else stop(state)
        outcome = decisive_outcome(state)
        agrees = outcome is None or outcome.passed or bool(outcome.contradicts)
        if reason is None or reason.status != "unverified" or agrees:
            return reason
        return Reason("unsolved", reason.text)

    return Stop(rule)
