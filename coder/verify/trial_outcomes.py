"""Outcomes of trials: the evidence that an answer is right, or the reason why there is none. Pure."""

from coder.base.text.failure_lines import telling_line
from coder.run.message import Outcome
from coder.verify.finding import Finding, gist

QUOTE_CHARACTERS = 200
"""Longest quote of a program's output in a reason, in characters."""


def reproduced_outcome(outcome: Outcome, reproducing_names: tuple[str, ...]) -> Outcome:
    """Return the outcome as reproduced by these tests, or by the check."""
    changes = {
        "verified": "reproduced",
        "strength": "inside",
        "reproduced_by": reproducing_names,
        "unshown": "",
    }
    return outcome.model_copy(update=changes)


def unshown_outcome(outcome: Outcome, reason: str, *, has_new_tests: bool = False) -> Outcome:
    """Return the outcome marked as unproven, with the reason for that.

    Args:
        has_new_tests: whether new tests pass with the change.
    """
    verified = "added" if has_new_tests else outcome.verified
    return outcome.model_copy(update={"verified": verified, "strength": "none", "unshown": reason})


def outcome_without_proof(outcome: Outcome, run: Finding, names: tuple[str, ...]) -> Outcome:
    """Return the outcome of a change whose new tests, run without it, prove nothing."""
    if run.passing.issuperset(names):
        return unshown_outcome(outcome, "the new tests pass without the change, too, so they prove nothing")
    explanation = (
        "they fail for another reason than the code" if run.failing or run.is_cut else "they can't run"
    )
    text = f"the new tests pass, but without the change {explanation}: {first_failure(run)}"
    return unshown_outcome(outcome, text, has_new_tests=True)


def first_failure(run: Finding) -> str:
    """Return the message of the first failure of a run."""
    message = run.failing[0].message if run.failing else ""
    return (telling_line(message) if message else gist(run.result, stop=run.stop))[:QUOTE_CHARACTERS]
