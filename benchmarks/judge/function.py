"""Judge an answer to a function case, with tests and candidate in separate processes where possible."""

import functools
from dataclasses import dataclass

from benchmarks.judge.mode import CARRIERS, Mode, canonical_module, prelude, with_setup, without_canonical
from benchmarks.judge.purity import keeps_nothing, leaves_nothing
from benchmarks.judge.verdicts import Judged, end_of, killed_by_nobody, weigh_alarms, why_late
from benchmarks.suite import FunctionCase
from benchmarks.verdict import Outcome
from sandbox import Limits, Sandbox
from sandbox.verdicts.candidate_pool import Candidates, Checkers
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.run_report import ANY_USE, OPEN, Crossing
from sandbox.verdicts.trial import Trial, hold_together, hold_trial

REPLAYS = 64
"""Calls of a passing sample to repeat, in another order, on a fresh copy."""
_STEPS_FACTOR, _STEPS_MORE = 4, 1_000
"""Generator steps allowed beyond the canonical answer's: a correct one yields as many items."""
MAX_CHARACTERS = 1 << 20
"""Largest answer: as JSON it fits into one frame."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sandboxes: one for candidates, one for their checkers, which never holds candidate code."""

    candidate: Sandbox
    candidates: Candidates
    checkers: Checkers


async def judge_function(
    pair: Pair, case: FunctionCase, code: str, mode: Mode, *, replays: int = REPLAYS
) -> Judged:
    """Judge one answer, a whole module."""
    if len(code) > MAX_CHARACTERS:
        detail = f"the answer has {len(code):,} characters; at most {MAX_CHARACTERS:,} are judged"
        return Judged("error", detail)
    module = with_setup(case, code)
    may_differ = not mode.stateful and not keeps_nothing(module)
    trial = _trial(case, module, mode, replays=replays if may_differ else 0)
    judged, tried = await _judge(pair, case, trial, mode)
    has_own = case.canonical_solution is not None
    if judged.outcome == "failed" and "uses" in tried.outcome.refused and has_own:
        opened = trial.crossing.model_copy(update={"uses": frozenset({ANY_USE})})
        freely, _ = await _judge(pair, case, trial.model_copy(update={"crossing": opened}), mode)
        if freely.outcome == "passed":
            freely.strength = "weaker"
            freely.detail = f"it uses the test's objects as the case's own answer doesn't: {judged.detail}"
            return freely
    return judged


async def _judge(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode) -> tuple[Judged, TrialResult]:
    tried = await _hold(pair, trial, mode, case)
    outcome, detail = _read(tried, case)
    agreed = (trial.crossing.changed or frozenset()) | (trial.crossing.uses or frozenset())
    if outcome == "passed" and tried.outcome.changed - agreed:
        # It changed arguments that the canonical answer leaves: it must also pass where that is visible.
        shown = trial.crossing.model_copy(update={"write_back": True, "changed": None})
        again = await _hold(pair, trial.model_copy(update={"crossing": shown, "replays": 0}), mode, case)
        outcome, detail = _read(again, case)
    tripped = tried.outcome.tripped - mode.tripped
    if outcome == "passed" and tripped:
        outcome, detail = "suspicious", weigh_alarms(tripped)
    judged = Judged(
        outcome,
        detail,
        tried.cpu_s,
        tried.candidates[0].wall_s,
        output=end_of(tried.candidates[0]),
        base=_base(tried, case),
        stateful=_passed(tried, case) and bool(tried.outcome.stateful),
        tripped=tripped,
        incomplete=not tried.outcome.complete and outcome != "timeout",
        died=outcome != "passed" and any(map(killed_by_nobody, tried.candidates)),
    )
    return judged, tried


async def find_mode(pair: Pair, case: FunctionCase) -> Mode:
    """Find the judging mode from what the canonical answer does with nothing refused."""
    module = canonical_module(case)
    if module is None:
        return without_canonical(case)
    everything = Mode(how="by_reference", crossing=OPEN)
    trial = _trial(case, module, everything, replays=REPLAYS)
    if keeps_nothing(module) and _are_tidy((trial.prelude, *trial.tests)):  # tests can be run again
        trial = trial.model_copy(update={"replays": 0})
    tried = await _hold(pair, trial.model_copy(update={"rerun": True}), everything, case)
    said = tried.outcome
    if _passed(tried, case):
        crossing = Crossing(
            kinds=said.kinds & CARRIERS,
            errors=said.errors,
            raising=said.raising,
            returning=said.returning if said.errors else frozenset(),  # else every error is refused
            steps=_STEPS_FACTOR * said.steps + _STEPS_MORE,
            write_back=bool(said.changed) or any(" set " in use for use in said.uses),
            changed=said.changed,
            uses=said.uses,
        )
        stateful = case.stateful or bool(said.stateful)
        mode = Mode(how="isolated", crossing=crossing, stateful=stateful, cpu_s=tried.cpu_s)
        if not (said.kinds or said.errors or said.uses) or await _holds(pair, case, module, mode):
            return mode
        found = ", ".join(sorted(said.kinds - CARRIERS)) or "what it raises, or does with the test's objects"
        open_crossing = OPEN.model_copy(update={"write_back": bool(said.changed), "changed": said.changed})
        reason = f"what its canonical answer gives can't cross as plain data: {found}"
        return mode.model_copy(update={"how": "by_reference", "crossing": open_crossing, "reason": reason})
    _, detail = _read(tried, case)
    together = Mode(
        how="shared_process", stateful=True, reason=f"its canonical answer fails apart: {detail}"[:500]
    )
    tried = await _hold(pair, _trial(case, module, together, replays=0), together, case)
    if _passed(tried, case):
        return together.model_copy(update={"tripped": tried.outcome.tripped, "cpu_s": tried.cpu_s})
    _, detail = _read(tried, case)
    return Mode(how="broken", reason=f"the case's own canonical answer fails: {detail}"[:500])


async def _holds(pair: Pair, case: FunctionCase, module: str, mode: Mode) -> bool:
    """Whether the canonical answer passes in this mode, now that its objects are copied."""
    return _passed(await _hold(pair, _trial(case, module, mode, replays=0), mode, case), case)


def _trial(case: FunctionCase, module: str, mode: Mode, *, replays: int) -> Trial:
    tests = (case.test,) if case.plus_test is None else (case.test, case.plus_test)
    helpers = prelude(case)
    return Trial(
        source=module,
        entry_point=case.entry_point,
        tests=tests,
        tidy=mode.how == "isolated" and _are_tidy((helpers, *tests)),
        prelude=helpers,
        crossing=mode.crossing,
        replays=replays,
    )


@functools.lru_cache(maxsize=4096)
def _are_tidy(sources: tuple[str, ...]) -> bool:
    return all(map(leaves_nothing, sources))


async def _hold(pair: Pair, trial: Trial, mode: Mode, case: FunctionCase) -> TrialResult:
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.wall_s or case.longest_s, behind=case.behind)
    if mode.how == "shared_process":  # its limit counts whole seconds
        limits = limits.model_copy(update={"cpu_s": case.timeout_s + 1})
        return await hold_together(pair.candidate, trial, limits=limits)
    return await hold_trial(pair.candidates, pair.checkers, trial, limits=limits)


def _passed(tried: TrialResult, case: FunctionCase) -> bool:
    said = tried.outcome
    expected = 1 if case.plus_test is None else 2
    return said.complete and len(said.tests) == expected and not any(said.tests) and not _late(tried, case)


def _read(tried: TrialResult, case: FunctionCase) -> tuple[Outcome, str]:
    said = tried.outcome
    if _late(tried, case):
        return "timeout", why_late(case.timeout_s)
    if said.unloaded is not None:
        return "error", said.unloaded
    failure = next((why for why in said.tests if why), None)
    if failure is not None:
        return "failed", failure
    if not _passed(tried, case):
        return "error", said.note or "its tests were not run to their end"
    if said.stateful:
        share = f"{said.differing} of {said.replayed} repeated calls gave another answer"
        return "failed", f"stateful: {share}, and its tests fail on a copy called before: {said.stateful}"
    return "passed", ""


def _late(tried: TrialResult, case: FunctionCase) -> bool:
    """Whether a time limit ended it: the candidate's, or its checker's, whose work the candidate causes."""
    ends = (*tried.candidates, tried.checker)
    return (
        tried.outcome.timed_out
        or any(one.killed_by in ("wall", "cpu") for one in ends)
        or tried.cpu_s > case.timeout_s
    )


def _base(tried: TrialResult, case: FunctionCase) -> Outcome | None:
    if case.plus_test is None:
        return None
    said = tried.outcome
    return "passed" if said.tests and not said.tests[0] else "failed"
