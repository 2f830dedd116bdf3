"""Human: decides on a change before it lands, and answers what the model asks."""

from coder.run.attempts import best_code, shows_done, tried
from coder.run.event_types import LandingRefused, PatchProposed
from coder.run.journal import asked_by
from coder.run.message import HUMAN, Message, Outcome
from coder.run.questions import Decision, Question
from coder.run.state import State
from coder.run.termination import contradiction, why_unverified
from coder.turn.turn import Turn
from coder.workspace.consent import in_parts, landing_edits, objection
from coder.workspace.proposal import proposal


class Human:
    """The user of a conversation: approves, rejects or edits a change, or asks for a different one."""

    name = HUMAN

    async def speak(self, turn: Turn) -> Message:
        """Ask about the best change so far."""
        state = turn.state
        code = best_code(state)
        assert code is not None
        outcome = next((seen for message, seen in reversed(tried(state)) if message == code), None)
        passed = outcome is not None and outcome.passed
        code_patch, tests = proposal(state)
        patch = in_parts(code_patch, tests)
        said = Message(author=HUMAN, kind="decision", outcome=outcome)
        if not patch or (code.author == HUMAN and passed):
            return said
        await turn.journal.append(PatchProposed(patch=code_patch, tests=tests))
        files = {**code.files, **landing_edits(state, code)}
        asked = Question(
            kind="approve",
            about="landing",
            text=f"Change {', '.join(files)}?",
            patch=patch,
            note=_unshown(state, outcome) if outcome is not None else "",
            files=files,
            passed=passed,
        )
        answer = await turn.question(asked, otherwise=Decision(decision="yes" if passed else "no"))
        if answer.agrees:
            return said
        if (wanted := objection(answer, code)) is not None:
            return wanted
        await turn.journal.append(LandingRefused(reason="you said no to the changes", by_human=True))
        return said


class Answering:
    """The user, when the model has asked something."""

    name = HUMAN

    async def speak(self, turn: Turn) -> Message:
        """Put the model's question."""
        asked = turn.state.last
        assert asked is not None
        answer = await turn.question(asked_by(asked))
        return Message(author=HUMAN, kind="answer", text=answer.said)


def _unshown(state: State, outcome: Outcome) -> str:
    if (contradicts := contradiction(outcome)) is not None:
        return f"it {contradicts.text}; they pass as it edits them"
    decided = outcome.verified == "self" or shows_done(state, outcome)
    is_suite = state.task.test_command is not None and outcome.passed and not decided
    return why_unverified(state, outcome) if is_suite else ""
