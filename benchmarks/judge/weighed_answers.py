"""Find why a pass shows less than one of the case's own answer: beside its tests, or when it is weighed."""

from hashlib import sha256
from typing import Any

from benchmarks.judge.counter_trial import find_nothing_shown, requests_of
from benchmarks.judge.function_trial import Pair, has_passed, run_case_trial, with_weighing_time
from benchmarks.judge.mode import Mode, canonical_module
from benchmarks.judge.own_runs import OwnRuns
from benchmarks.judge.purity import keeps_nothing
from benchmarks.suite import FunctionCase
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.run_report import RunReport
from sandbox.verdicts.trial import Trial, Weighed

OWN_RUNS = 3
"""Weighed runs of the canonical answer: what differs among them hangs on chance or time."""
_TOGETHER_RUNS = 2
"""Runs in one process with the tests, of which each has to fail: the first may by chance."""
_MOST_OWN_RUNS = 512
"""Cases whose weighed runs are kept."""


async def find_weakness(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode, result: TrialResult) -> str:
    """Return why a pass shows less than one of the canonical answer; "" if it shows as much."""
    if mode.how != "isolated" or not mode.exchanged:
        return ""
    is_other = result.outcome.exchanged != mode.exchanged
    if pair.together.get(_digest(case), True) and (is_other or not keeps_nothing(trial.source)):
        failure = await _fail_together(pair, case, trial, mode)
        if failure and await _own_passes_together(pair, case, trial, mode):
            return f"it passed, but not in one process with its test: {failure}"
    return await _weigh(pair, case, trial, mode) if is_other else ""


async def _own_passes_together(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode) -> bool:
    key = _digest(case)
    if key not in pair.together:
        own = trial.model_copy(update={"source": canonical_module(case)})
        _forget_first(pair.together)
        pair.together[key] = not await _fail_together(pair, case, own, mode)
    return pair.together[key]


async def _fail_together(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode) -> str:
    """Return why an answer fails in one process with its tests, twice; "" if it passes."""
    together, case = trial.model_copy(update={"together": True}), with_weighing_time(case)
    for _ in range(_TOGETHER_RUNS):
        outcome = (await run_case_trial(pair, together, mode, case)).outcome
        failure = (outcome.note or "it has no result") if outcome.together is None else outcome.together
        if not failure:
            return ""
    return failure


def _digest(case: FunctionCase) -> str:
    return sha256(case.model_dump_json(exclude={"timeout_s", "wall_s", "behind"}).encode()).hexdigest()


def _forget_first(known: dict[str, Any]) -> None:
    while len(known) >= _MOST_OWN_RUNS:
        del known[next(iter(known))]


async def _weigh(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode) -> str:
    """Return why a pass shows less than one of the canonical answer, whose exchanges were others; else ""."""
    seed, key, case = seed_of(case), _digest(case), with_weighing_time(case)

    async def run(source: str, **fields: object) -> RunReport | None:
        update = {"source": source, "replays": 0, "tidy": False}
        weighed = Weighed(seed=seed).model_copy(update=fields)
        result = await run_case_trial(
            pair, trial.model_copy(update={**update, "weighed": weighed}), mode, case
        )
        return result.outcome if has_passed(result, case) and result.outcome.weighed else None

    own_module = canonical_module(case)
    assert own_module is not None
    if key not in pair.own_runs:
        reports = [await run(own_module, enough=0) for _ in range(OWN_RUNS)]
        known = [report for report in reports if report is not None]
        _forget_first(pair.own_runs)
        pair.own_runs[key] = OwnRuns(known) if len(known) == len(reports) else None
    own = pair.own_runs[key]
    if own is None:
        return "it passed, and gave other answers than the case's own, which are too many to be weighed"
    report = await run(trial.source, own=own.counts, parts=own.parts)
    if report is None:
        return "it passed, and its answers, unlike the case's own, couldn't be weighed in a second run"
    if not (report.other_exchanges or report.fewer_exchanges):
        return ""
    own_report = await run(own_module, own=own.counts, parts=own.parts, targets=requests_of(report))
    return find_nothing_shown(report, own, own_report.counter_trials if own_report else {}, trial.tests)


def seed_of(case: FunctionCase) -> int:
    """Return the seed by which changes are drawn."""
    return int(sha256(case.id.encode()).hexdigest()[:8], 16)
