"""Run trials of function cases in a pair of sandboxes."""

import functools
from dataclasses import dataclass, field

from benchmarks.judge.mode import Mode, prelude
from benchmarks.judge.own_runs import OwnRuns
from benchmarks.judge.purity import leaves_nothing
from benchmarks.suite import FunctionCase
from sandbox import Limits, Sandbox
from sandbox.verdicts.candidate_pool import Candidates, Checkers
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.trial import Trial, run_trial, run_trial_together

_WEIGHING_FACTOR, _WEIGHING_S, _MOST_WEIGHING_S = 12.0, 12.0, 7_200.0
"""CPU seconds of a weighed run: a multiple of the case's, and some more, which its changes may take."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sandboxes: one runs candidates, the other their checkers and never candidate code."""

    candidate: Sandbox
    checker: Sandbox
    candidates: Candidates
    checkers: Checkers
    own_runs: dict[str, OwnRuns | None] = field(default_factory=dict)
    """Weighed runs of canonical answers, by the digest of the case; None if they can't be weighed."""
    together: dict[str, bool] = field(default_factory=dict)
    """So, whether canonical answers pass in one process with their tests, too."""


def make_trial(case: FunctionCase, module: str, mode: Mode, *, replays: int) -> Trial:
    """Return the trial of a module with a case's tests."""
    tests = (case.test,) if case.plus_test is None else (case.test, case.plus_test)
    helpers = prelude(case)
    return Trial(
        source=module,
        entry_point=case.entry_point,
        tests=tests,
        tidy=mode.how == "isolated" and are_tidy((helpers, *tests)),
        prelude=helpers,
        crossing=mode.crossing,
        replays=replays,
        seed=mode.seed,
        repeated=mode.repeats,
    )


@functools.lru_cache(maxsize=4096)
def are_tidy(sources: tuple[str, ...]) -> bool:
    """Whether sources leave nothing in their process."""
    return all(map(leaves_nothing, sources))


async def run_case_trial(pair: Pair, trial: Trial, mode: Mode, case: FunctionCase) -> TrialResult:
    """Run a trial within a case's limits."""
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.wall_s or case.longest_s, behind=case.behind)
    if mode.how == "shared_process":  # its limit counts whole seconds
        limits = limits.model_copy(update={"cpu_s": case.timeout_s + 1})
        return await run_trial_together(pair.candidate, trial, limits=limits)
    return await run_trial(pair.candidates, pair.checkers, trial, limits=limits)


def has_passed(result: TrialResult, case: FunctionCase) -> bool:
    """Whether all tests of a case passed in time."""
    outcome = result.outcome
    expected = 1 if case.plus_test is None else 2
    return (
        outcome.complete
        and len(outcome.tests) == expected
        and not any(outcome.tests)
        and not is_late(result, case)
    )


def is_late(result: TrialResult, case: FunctionCase) -> bool:
    """Whether a time limit ended the trial: the candidate's, or that of the checker, whose work it causes."""
    processes = (*result.candidates, result.checker)
    return (
        result.outcome.timed_out
        or any(end.killed_by in ("wall", "cpu") for end in processes)
        or result.cpu_s > case.timeout_s
    )


def with_weighing_time(case: FunctionCase) -> FunctionCase:
    """Return a case with the time of a weighed run."""
    longer_s = min(_WEIGHING_FACTOR * case.timeout_s + _WEIGHING_S, max(case.timeout_s, _MOST_WEIGHING_S))
    return case.model_copy(update={"timeout_s": longer_s, "wall_s": None})
