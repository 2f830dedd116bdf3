"""What the answer's own tests or check show where nothing given decides.

They reproduce the task if they fail without the change and pass with it, twice each, in a fresh workspace
each time. They are the model's own, so this is weaker than a given test.
"""

from coder.run.event_types import Tried
from coder.run.message import CodeMessage, Outcome
from coder.run.state import State
from coder.run.termination import join_names
from coder.verify.new_tests import find_new_tests, find_unreported, find_unrun
from coder.verify.regressions import is_red_as_before
from coder.verify.trial import AnswerTrial
from coder.verify.verification import Verification


def wants_evidence(state: State, code: CodeMessage, outcome: Outcome) -> bool:
    """Whether nothing given shows that the task is done, and the answer's own tests or check may."""
    is_open = outcome.verified in ("none", "self") if outcome.passed else _is_red_as_before(state, outcome)
    new = find_new_tests(state, code, outcome) or find_unrun(state, code, outcome)
    return is_open and bool(code.check or new)


async def evidence(
    on: Verification, code: CodeMessage, outcome: Outcome
) -> tuple[Outcome, tuple[Tried, ...]]:
    """Return the outcome of a change that broke nothing, with its evidence, and the runs behind it.

    If a suite stays red as before and they show nothing, the outcome is still a failure.
    """
    unrun = find_unrun(on.state, code, outcome)
    trial = AnswerTrial(on, code, unrun)
    result = outcome if outcome.passed else _without_old_reds(outcome)
    if code.check:
        result = await trial.check(result)
    if unrun and result.passed and result.verified != "reproduced":
        result = await trial.run_unrun(result)
    names = find_new_tests(on.state, code, result)
    if names and result.passed and result.verified != "reproduced":
        result = await trial.tests(result, names)
    if outcome.passed or result.verified == "reproduced":
        return result, tuple(trial.tried)
    return _still_red(outcome, result), tuple(trial.tried)


def _still_red(outcome: Outcome, result: Outcome) -> Outcome:
    """Return the failure of a suite that is red as before, with the reason why there is no evidence."""
    why = result.unshown if result.passed else result.feedback
    if not why:
        return outcome
    gist = result.gist or result.unshown
    return outcome.model_copy(update={"feedback": f"{why}\n\n{outcome.feedback}".strip(), "gist": gist})


def with_unreported(state: State, code: CodeMessage, outcome: Outcome) -> Outcome:
    """The outcome; where nothing shows it to be right, it names new tests that aren't known to have run."""
    if not outcome.passed or outcome.verified != "none" or outcome.unshown or not state.task.test_command:
        return outcome
    new = find_unreported(state, code, outcome)
    unshown = f"the test command doesn't tell that it runs the new tests: {join_names(new)}" if new else ""
    return outcome.model_copy(update={"unshown": unshown})


def _without_old_reds(outcome: Outcome) -> Outcome:
    red = join_names([line.name for line in outcome.checks if not line.passed])
    passed = {"passed": True, "feedback": "", "gist": "", "cause": None, "lacks": ()}
    return outcome.model_copy(update={**passed, "note": f"still red, as before the work: {red}"})


def _is_red_as_before(state: State, outcome: Outcome) -> bool:
    baseline, given_paths = state.progress.baseline, {test.path for test in state.task.test_files}
    if baseline is None or state.task.mends:
        return False
    if outcome.cause == "test_timeout" and not baseline.is_cut:
        return False
    return is_red_as_before(outcome.checks, baseline, given_paths=given_paths)
