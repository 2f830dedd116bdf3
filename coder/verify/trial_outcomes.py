"""Outcomes of trials: what shows that an answer is right, or why nothing does. Pure."""

from coder.run.message import Outcome
from coder.verify.finding import Finding, gist

LENGTH = 200
"""Characters of a program's output in a reason."""


def reproduced_outcome(outcome: Outcome, by: tuple[str, ...]) -> Outcome:
    """Return the outcome as confirmed by these tests, or by the check."""
    changes = {"verified": "reproduced", "strength": "inside", "reproduced_by": by, "unshown": ""}
    return outcome.model_copy(update=changes)


def unshown_outcome(outcome: Outcome, why: str, *, added: bool = False) -> Outcome:
    """The outcome of which nothing shows that it is right; `added`: new tests pass with the change."""
    verified = "added" if added else outcome.verified
    return outcome.model_copy(update={"verified": verified, "strength": "none", "unshown": why})


def outcome_of_nothing(outcome: Outcome, run: Finding, names: tuple[str, ...]) -> Outcome:
    """Return the outcome of a change without which no new test fails."""
    if run.passing.issuperset(names):
        return unshown_outcome(outcome, "the new tests pass without the change, too, so they prove nothing")
    ended = "they fail for another reason than the code" if run.failing or run.is_cut else "they can't run"
    text = f"the new tests pass, but without the change {ended}: {first_failure(run)}"
    return unshown_outcome(outcome, text, added=True)


def first_failure(run: Finding) -> str:
    """What the first failure of a run says."""
    return (telling_line(run.failing[0].message) if run.failing else gist(run.result, stop=run.stop))[:LENGTH]


def telling_line(message: str) -> str:
    """The line of a failure that says what is wrong."""
    lines = [line for line in message.splitlines() if line.strip()] or [""]
    return lines[-1 if lines[0].startswith("Traceback ") else 0]
