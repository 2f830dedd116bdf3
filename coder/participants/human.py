"""Human: approves, rejects or edits a change before it lands, or asks for a different one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from coder.run.attempts import best_code, shows_done, tried
from coder.run.event_types import LandingRefused, PatchProposed
from coder.run.message import HUMAN, Message, Outcome
from coder.run.state import State
from coder.run.termination import contradiction, why_unverified
from coder.turn import Turn
from coder.workspace.consent import in_parts, landing_edits
from coder.workspace.proposal import proposal


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits for the human's word."""

    patch: str
    files: Mapping[str, str | None]
    """Whole new texts by path; None deletes."""
    outcome: Outcome | None
    """What running it showed."""
    unshown: str = ""
    """Why the test command doesn't show that the task is done; empty where it does."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What the human says of a proposal."""

    approved: bool
    words: str = ""
    """The wanted difference, where it isn't approved; without any the change is dropped."""
    files: Mapping[str, str | None] | None = None
    """The human's own version, which is tried in place of the proposed one."""


@runtime_checkable
class Decider(Protocol):
    """A watch that takes more than yes and no from the user."""

    async def decide(self, proposal: Proposal) -> Decision:
        """Show a change, and ask."""


class Human:
    """The user."""

    name = HUMAN

    async def speak(self, turn: Turn) -> Message:
        """Ask about the best change so far."""
        state = turn.state
        code = best_code(state)
        assert code is not None
        outcome = next((seen for message, seen in reversed(tried(state)) if message == code), None)
        code_patch, tests = proposal(state)
        patch = in_parts(code_patch, tests)
        own = code.author == HUMAN and outcome is not None and outcome.passed
        if not patch or own:
            decision = Decision(approved=True)
        else:
            await turn.journal.append(PatchProposed(patch=code_patch, tests=tests))
            files = {**code.files, **landing_edits(state, code)}
            unshown = _unshown(state, outcome) if outcome is not None else ""
            decision = await _asked(turn, Proposal(patch, files, outcome, unshown))
        said = Message(
            author=HUMAN, kind="decision", sample=code.sample, attempt=code.attempt, outcome=outcome
        )
        if decision.files is not None:
            edited = {"kind": "code", "files": dict(decision.files), "outcome": None}
            return said.model_copy(update=edited)
        if decision.approved:
            return said
        if decision.words:
            refused = Outcome(passed=False, verified="none", feedback=decision.words)
            return said.model_copy(update={"kind": "outcome", "text": decision.words, "outcome": refused})
        await turn.journal.append(LandingRefused(reason="you said no to the changes", by_human=True))
        return said


def _unshown(state: State, outcome: Outcome) -> str:
    if (contradicts := contradiction(outcome)) is not None:
        return f"it {contradicts.text}; they pass as it edits them"
    decided = outcome.verified == "self" or shows_done(state, outcome)
    is_suite = state.task.test_command is not None and outcome.passed and not decided
    return why_unverified(state, outcome) if is_suite else ""


async def _asked(turn: Turn, proposed: Proposal) -> Decision:
    """The human's decision; where only yes and no can be said, a change that fails is refused."""
    watch = turn.journal.watch
    if isinstance(watch, Decider):
        return await watch.decide(proposed)
    passed = proposed.outcome is not None and proposed.outcome.passed
    question = f"Change {', '.join(proposed.files)}?"
    return Decision(approved=passed and await watch.confirm(question, proposed.patch))
