"""Stop: rules that end a run, as functions of its state that return a reason; they are combined by `|`."""

from collections.abc import Callable
from dataclasses import dataclass

from coder.run.attempts import find_answer_of, most_repeated, shows_done
from coder.run.budget import calls_reached
from coder.run.conversation import before_talk
from coder.run.event_types import Status
from coder.run.message import CodeMessage, Outcome, ReplyMessage
from coder.run.state import State
from coder.run.verdict_words import by_what, join_names, why_unverified

EMPTY_ANSWERS = 3
"""The run ends after this many empty answers in a row."""
SAME_RESULTS = 3
"""The run ends after this many equal calls with equal results and nothing new between them."""
STUCK_AFTER = 4
"""The run ends after this many identical answers across samples."""


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason for which a run ends."""

    status: Status
    text: str


@dataclass(frozen=True, slots=True)
class Stop:
    """A rule: (state) -> reason or None. `a | b` stops if either does, `a & b` if both do.

    `&` checks both rules in the same state; a rule about the whole history, such as `said`, remains true.
    """

    rule: Callable[[State], Reason | None]
    text: str = ""
    """Text of the rule for the log; empty if it isn't a condition of `conditions.py`."""

    def __call__(self, state: State) -> Reason | None:
        """Return the reason to stop in this state, or None."""
        return self.rule(state)

    def __or__(self, other: "Stop") -> "Stop":
        return Stop(lambda state: self(state) or other(state), _joined(self, "|", other))

    def __and__(self, other: "Stop") -> "Stop":
        def rule(state: State) -> Reason | None:
            reason, other_reason = self(state), other(state)
            if reason is None or other_reason is None:
                return None
            return Reason(reason.status, f"{reason.text}, and {other_reason.text}")

        return Stop(rule, _joined(self, "&", other))


def _joined(left: Stop, sign: str, right: Stop) -> str:
    return f"({left.text} {sign} {right.text})" if left.text and right.text else ""


def asked_to_stop(state: State) -> Reason | None:
    """Stop on request by `coder stop`, a server or a client."""
    request = state.progress.stop_requested
    return Reason("interrupted", f"stopped by {request.who}") if request is not None else None


def reason_to_end(state: State, stop: Stop) -> Reason | None:
    """Return the reason to end the run now, or None. The budget applies in addition to `stop`."""
    question_state = before_talk(state)
    if question_state is not state:  # talk about a change doesn't alter its status
        return stop(question_state) or Reason("unverified", "it was answered in words")
    if isinstance(state.last, ReplyMessage):
        if find_answer_of(state)[1] == "":
            return Reason("solved", "the answer fits its schema")
        return Reason("answered", "the model answered in words and changed no file")
    reason = nothing_to_mend(state) or handed_in(state) or stop(state) or budget_reached(state)
    if reason is None and state.landing.offered and not state.awaits_execution:
        return Reason("unsolved", "the change does not pass")
    if reason is not None and reason.status == "solved" and (problem := find_answer_of(state)[1]):
        return Reason("unverified", f"{reason.text}, but there is no answer: {problem}")
    return reason


def handed_in(state: State) -> Reason | None:
    """Stop as soon as the model hands in work that is judged elsewhere."""
    if not state.settings.judged_elsewhere or not isinstance(state.last, CodeMessage):
        return None
    return Reason("unverified", "the model has handed in its work, which is judged elsewhere")


def nothing_to_mend(state: State) -> Reason | None:
    """Stop if the command to fix passes already, or only its flaky tests fail."""
    baseline = state.progress.baseline
    if baseline is None or baseline.is_preliminary or not state.task.mends or state.codes:
        return None
    if baseline.passed and not baseline.told:
        text = "the command passes already and reports no test: there is nothing to fix"
        return Reason("unverified", text)
    if baseline.passed:
        return Reason("solved", "the command passes already: there is nothing to fix")
    if baseline.flaky and all(test.passed for test in baseline.tests):
        names = ", ".join(baseline.flaky[:5])
        return Reason("unverified", f"what fails also passes on the same files, so it is flaky: {names}")
    return None


@Stop
def tests_pass(state: State) -> Reason | None:
    """Stop as solved if all given tests and checks have passed, or as unverified if none were given."""
    outcome = state.outcome
    return verdict(state, outcome) if outcome is not None and outcome.passed else None


def verdict(state: State, outcome: Outcome) -> Reason:
    """Return the reason to end after a passed outcome: solved, or unverified with an explanation."""
    if shows_done(state, outcome):
        return Reason("solved", by_what(outcome))
    return Reason("unverified", why_unverified(state, outcome))


def contradiction(outcome: Outcome | None) -> Reason | None:
    """Return the reason to end if the change fails only given tests that it edits."""
    if outcome is None or not outcome.contradicts:
        return None
    return Reason("unverified", f"contradicts given tests: {join_names(outcome.contradicts)}")


def is_repeating(state: State) -> bool:
    """Whether a model made a call SAME_RESULTS times with the same result, without background programs."""
    return not state.dialogue.session.has_background and any(
        len(calls) >= SAME_RESULTS for calls in state.dialogue.session.results.values()
    )


@Stop
def going_round(state: State) -> Reason | None:
    """Stop if the model repeats a call with the same result; its changes are tried first."""
    latest = state.last
    is_change = isinstance(latest, CodeMessage) and not latest.repeats and bool(latest.changes.texts)
    if latest is None or is_change or not is_repeating(state):
        return None
    return Reason("stuck", f"the model made the same call {SAME_RESULTS} times, with the same result")


@Stop
def stuck(state: State) -> Reason | None:
    """Stop if the model repeated an answer, or gave empty answers, too often."""
    if state.progress.empty_answers >= EMPTY_ANSWERS:
        return Reason("stuck", f"the model's last {state.progress.empty_answers} answers were empty")
    if state.awaits_execution or most_repeated(state) < STUCK_AFTER:
        return None
    return Reason("stuck", f"the model gave the same answer {STUCK_AFTER} times")


@Stop
def budget_reached(state: State) -> Reason | None:
    """Stop at a limit of calls, tokens, cost or time. An untried answer is still tried."""
    if state.spend.exhausted is not None:
        return Reason("limit", state.spend.exhausted.text)
    if state.spend.seconds >= state.spend.budget.timeout:
        return Reason("limit", f"the time limit of {state.spend.budget.timeout:g} s was reached")
    has_calls_left = state.spend.calls < state.spend.budget.max_calls
    if state.awaits_execution or has_calls_left or state.progress.pending:
        return None
    return Reason("limit", calls_reached(state.spend.budget))
