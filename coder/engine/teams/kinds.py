"""Kinds of teams: Selector, Handoff, Panel and Orchestrated. RoundRobin is what all of them fall back on."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field

from coder.engine.participants.leader import Orchestrator, Picker
from coder.engine.participants.member import Member
from coder.engine.participants.participant import Participant, Together
from coder.engine.teams.spec import Nested, Place, TeamSpec, speaker_of
from coder.run.attempts import decisive_outcome
from coder.run.conditions import condition_of
from coder.run.message import (
    HUMAN,
    TURNS,
    AnswerMessage,
    ChoiceMessage,
    HandoffMessage,
    LedgerMessage,
    Message,
    outcome_in,
)
from coder.run.state import State
from coder.run.termination import Reason, Stop, contradicts_tests, going_round, stuck, tests_pass

_QUIET = 2
"""Outcomes in a row without progress, after which an orchestrator is asked."""


class Selector(TeamSpec):
    """Members that a model chooses among, before each turn."""

    kind: Literal["selector"] = "selector"
    brief: str = ""
    """How to choose."""
    repeats: bool = False
    """The last speaker may be chosen again."""

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """The one who was chosen; before that, the one who chooses."""
        last = state.last
        if isinstance(last, ChoiceMessage) and last.within == within:
            return self.find_node(last.to) or self.after(state, within)
        spoke = speaker_of(state, within)
        nodes = [node for node in self.speakers if self.repeats or node.name != spoke] or self.speakers
        if len(nodes) == 1:
            return nodes[0]
        return Picker(_about(nodes), within, self.brief, otherwise=self.after(state, within).name)


class Handoff(TeamSpec):
    """Members that hand over to one another, or to the user."""

    kind: Literal["handoff"] = "handoff"

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """The one it was handed to."""
        last = state.last
        if last is None or last.within != within:
            return self.after(state, within)
        to = last.to if isinstance(last, HandoffMessage) else ""
        if isinstance(last, AnswerMessage):
            to = speaker_of(state, within)
        return self.find_node(to) or self.after(state, within)

    def hands_to(self, member: Member) -> tuple[str, ...]:
        """All but itself, and the user."""
        return (*(node.name for node in self.speakers if node.name != member.name), HUMAN)


class Panel(TeamSpec):
    """Members that give words, unheard by one another within a round; `then` speaks after each."""

    kind: Literal["panel"] = "panel"
    members: tuple[Member, ...] = Field(min_length=1)
    then: Member | None = None

    def leaves(self) -> Iterator[Member]:
        """All members, and who sums up."""
        yield from self.members
        if self.then is not None:
            yield self.then

    def acting(self, acts: bool) -> Self:
        """The same, where the one who sums up acts or doesn't, if it leaves that open."""
        then = self.then
        if then is None or then.acts is not None:
            return self
        return self.model_copy(update={"then": then.model_copy(update={"acts": acts})})

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """All who have not spoken in this round, at once; then the one who sums up."""
        spoke = self._spoken(state, within)
        waiting = [node for node in self.members if node.name not in spoke]
        if not waiting and self.then is not None:
            return self.then
        speakers = waiting or self.members
        return Together(tuple(member.taking_part(within, is_in_words=True) for member in speakers))

    def _spoken(self, state: State, within: Place) -> set[str]:
        """Who has spoken since the last round's end."""
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
    """Members that a plan of an orchestrator gives their parts; measured progress spares it.

    After Magentic-One (Fourney et al., 2024), whose ledger is asked for at every turn.
    """

    kind: Literal["orchestrated"] = "orchestrated"
    stalls: int = Field(default=3, ge=1, le=100)
    """Looks of the orchestrator without progress between, after which it plans anew."""
    replans: int = Field(default=2, ge=0, le=100)
    """New plans, after which it is stuck."""

    def chosen(self, state: State, within: Place) -> Member | Nested | Participant:
        """The next step's member; the orchestrator where there is no plan, or no progress."""
        messages = state.progress.messages
        plans = [
            (i, m) for i, m in enumerate(messages) if isinstance(m, LedgerMessage) and m.within == within
        ]
        if not plans:
            return Orchestrator(_about(self.speakers), within, is_new=True)
        at, plan = plans[-1]
        deep = len(within)
        own = [
            m for m in messages if m.within == within or (m.within[:deep] == within and m.kind != "ledger")
        ]
        since = _since_progress(own)
        looked = max((i for i, m in enumerate(since) if m.kind == "ledger"), default=0)
        if sum(_failing(m) is not None for m in since[looked + 1 :]) >= _QUIET:
            looks = sum(m.kind == "ledger" for m in since)
            return Orchestrator(_about(self.speakers), within, is_new=looks % self.stalls == 0)
        states = [state.with_messages(messages[: i + 1]) for i in range(at + 1, len(messages))]
        steps_done = sum(self._ends_step(until, within) for until in states)
        steps = [step.member for step in plan.ledger.steps]
        if steps_done < len(steps) and (node := self.find_node(steps[steps_done])) is not None:
            return node
        return self.after(state, within)

    def _ends_step(self, state: State, within: Place) -> bool:
        """Whether a step of the plan ends with the last message: a member's, or of a team that is through."""
        last = state.last
        if last is None or last.kind not in TURNS or last.within[: len(within)] != within:
            return False
        node = self.find_node(last.within[len(within)]) if last.within != within else None
        return not isinstance(node, Nested) or node.is_over(state, within)

    def given_up(self, state: State, within: Place = ()) -> Reason | None:
        """Done, as far as the orchestrator knows; or stuck after so many plans."""
        ledgers = [m for m in state.progress.messages if isinstance(m, LedgerMessage) and m.within == within]
        if ledgers and ledgers[-1].ledger.satisfied:
            return Reason("unverified", "the orchestrator is satisfied; nothing shows that the task is done")
        if len(ledgers) > 1 + self.stalls * (self.replans + 1):
            return Reason("stuck", f"{self.replans + 1} plans brought no progress")
        return None


def _failing(message: Message) -> int | None:
    """How many checks fail; None of what wasn't run."""
    outcome = outcome_in(message)
    if outcome is None:
        return None
    return 0 if outcome.passed else max(1, sum(not line.passed for line in outcome.checks))


def _since_progress(messages: list[Message]) -> list[Message]:
    """The messages after the latest outcome that was better than all before it."""
    best, at = None, 0
    for i, message in enumerate(messages):
        failing = _failing(message)
        if failing is not None and (best is None or failing < best):
            best, at = failing, i
    return messages[at:]


def _about(nodes: list[Member | Nested]) -> dict[str, str]:
    """What each of them is for, by name."""
    return {node.name: node.brief for node in nodes}


def stop_of(team: TeamSpec, written: str | None, own: Stop | None = None) -> Stop:
    """When a team ends: what ends every team, and its conditions, as they are written or one's own."""
    ends = tests_pass | contradicts_tests | going_round | stuck
    if isinstance(team, Orchestrated):
        ends = ends | _of_members(Stop(team.given_up))
    if written is not None:
        ends = ends | _of_members(condition_of(written))
    return ends | _of_members(own) if own is not None and not own.text else ends


def _of_members(stop: Stop) -> Stop:
    """A condition of a team's: it ends nothing before written code was run, and what failed is unsolved."""

    def rule(state: State) -> Reason | None:
        reason = None if state.awaits_execution else stop(state)
        outcome = decisive_outcome(state)
        fits = outcome is None or outcome.passed or bool(outcome.contradicts)
        if reason is None or reason.status != "unverified" or fits:
            return reason
        return Reason("unsolved", reason.text)

    return Stop(rule)
