"""Evidence: what the answer's own tests or check show if no given test decides.

They reproduce the task if they fail without the change and pass with it, twice each, in a fresh workspace
each time. As the model wrote them, they are weaker than a given test.
"""

from coder.run.event_types import Tried
from coder.run.message import CodeMessage, Outcome
from coder.run.state import State
from coder.run.verdict_words import join_names
from coder.verify.added_tests import Logged, join_added_tests
from coder.verify.made_again import find_made_again
from coder.verify.new_tests import find_new_tests, find_unreported_files, find_unrun_files
from coder.verify.regressions import is_red_as_before
from coder.verify.tests_in_sources import without_edited
from coder.verify.trial import AnswerTrial
from coder.verify.verification import Verification
from coder.workspace.overlay import workspace_files


def wants_evidence(state: State, code: CodeMessage, outcome: Outcome) -> bool:
    """Return whether no given test shows success, and the answer's own tests or check may show it."""
    is_open = outcome.verified in ("none", "self") if outcome.passed else _is_red_as_before(state, outcome)
    new_tests = find_new_tests(state, code, outcome) or find_unrun_files(state, code, outcome)
    return is_open and bool(code.check or new_tests)


async def weigh_evidence(
    verification: Verification, code: CodeMessage, outcome: Outcome, logged: Logged
) -> Outcome:
    """Return the outcome with what the answer's own tests and its check show."""
    state, outcome = verification.state, await find_made_again(verification, code, outcome, logged)
    code, outcome = await join_added_tests(verification, code, outcome, logged)
    if wants_evidence(state, code, outcome):
        async with logged("evidence", workspace_files(state, {})) as end_fields:
            outcome, end_fields["tried"] = await gather_evidence(verification, code, outcome)
    return without_edited(state, code, with_unreported(state, code, outcome))


async def gather_evidence(
    verification: Verification, code: CodeMessage, outcome: Outcome
) -> tuple[Outcome, tuple[Tried, ...]]:
    """Run the new tests or check of a change that broke nothing; return the outcome and these runs.

    If a suite fails as before, the outcome is still a failure if it was given or the evidence shows nothing.
    """
    unrun = find_unrun_files(verification.state, code, outcome)
    trial = AnswerTrial(verification, code, unrun)
    result = outcome if outcome.passed else _as_passed(outcome)
    if code.check:
        result = await trial.check(result)
    if unrun and result.passed and result.verified != "reproduced":
        result = await trial.run_unrun_files(result)
    names = find_new_tests(verification.state, code, result)
    if names and result.passed and result.verified != "reproduced":
        result = await trial.tests(result, names)
    is_shown = result.verified == "reproduced"
    if outcome.passed or (is_shown and verification.state.task.is_found):
        return result, tuple(trial.tried)
    if is_shown:
        shown = {"mended": len(result.reproduced_by), "reproduced_by": result.reproduced_by}
        return outcome.model_copy(update=shown), tuple(trial.tried)
    return _still_red(outcome, result), tuple(trial.tried)


def _still_red(outcome: Outcome, result: Outcome) -> Outcome:
    """Return the failure of a suite that fails as before, with the reason why there is no evidence."""
    reason = result.unshown if result.passed else result.feedback
    if not reason:
        return outcome
    gist = result.gist or result.unshown
    return outcome.model_copy(update={"feedback": f"{reason}\n\n{outcome.feedback}".strip(), "gist": gist})


def with_unreported(state: State, code: CodeMessage, outcome: Outcome) -> Outcome:
    """Return the outcome. If nothing verified it, `unshown` names new tests that aren't known to have run."""
    if not outcome.passed or outcome.verified != "none" or outcome.unshown or not state.task.test_command:
        return outcome
    new_tests = find_unreported_files(state, code, outcome)
    unshown = (
        f"the test command doesn't tell that it runs the new tests: {join_names(new_tests)}"
        if new_tests
        else ""
    )
    return outcome.model_copy(update={"unshown": unshown})


def _as_passed(outcome: Outcome) -> Outcome:
    failing_names = join_names([line.name for line in outcome.checks if not line.passed])
    pass_fields = {"passed": True, "feedback": "", "gist": "", "cause": None, "lacks": ()}
    return outcome.model_copy(
        update={**pass_fields, "note": f"still red, as before the work: {failing_names}"}
    )


def _is_red_as_before(state: State, outcome: Outcome) -> bool:
    baseline, given_paths = state.progress.baseline, {test.path for test in state.task.test_files}
    if baseline is None or state.task.mends or outcome.mended:
        return False
    if outcome.cause == "test_timeout" and not baseline.is_cut:
        return False
    return is_red_as_before(outcome.checks, baseline, given_paths=given_paths)
