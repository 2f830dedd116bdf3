"""Judge an answer to a function case, with tests and candidate in separate processes where possible."""

import ast
import functools
from dataclasses import dataclass, field
from hashlib import sha256
from secrets import randbits

from benchmarks.judge.counter_trial import OwnRuns, find_blindness, find_nothing_shown, requests_of
from benchmarks.judge.mode import CARRIERS, Mode, canonical_module, prelude, with_setup, without_canonical
from benchmarks.judge.purity import keeps_nothing, leaves_nothing
from benchmarks.judge.verdicts import (
    DraftVerdict,
    has_unknown_killer,
    output_end,
    timeout_reason,
    weigh_alarms,
)
from benchmarks.suite import FunctionCase
from benchmarks.verdict import Outcome
from coder.source.python_names import parse_source
from sandbox import Limits, Sandbox
from sandbox.verdicts.candidate_pool import Candidates, Checkers
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.run_report import ANY_CROSSING, ANY_USE, Crossing, RunReport
from sandbox.verdicts.trial import Trial, Weighed, run_trial, run_trial_together

REPLAYS = 64
"""Number of calls of a passing sample that are repeated, in another order, on a fresh copy."""
_OWN_RUNS = 3
"""Weighed runs of the canonical answer: what differs among them hangs on chance or time."""
_MOST_OWN_RUNS = 512
"""Cases whose weighed runs are kept."""
_WEIGHING_FACTOR, _WEIGHING_S = 8.0, 10.0
"""CPU seconds of a weighed run: a multiple of the case's, and some more."""
IDLE = {
    "None": "def {}(*arguments, **named):\n    return None\n",
    "its first argument": "def {}(*arguments, **named):\n    return arguments[0] if arguments else None\n",
}
"""Answers that do nothing, by what they return."""
_IDLE_S = 2.0
"""CPU seconds in which an answer that does nothing has to pass."""
_STEPS_FACTOR, _EXTRA_STEPS = 4, 1_000
"""Permitted generator steps: multiple of the canonical answer's steps, plus a constant."""
MAX_CHARACTERS = 1 << 20
"""Maximum length of an answer; as JSON such an answer fits into one frame."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sandboxes: one runs candidates, the other their checkers and never candidate code."""

    candidate: Sandbox
    checker: Sandbox
    candidates: Candidates
    checkers: Checkers
    own_runs: dict[str, OwnRuns | None] = field(default_factory=dict)
    """Weighed runs of canonical answers, by the digest of the case; None if they can't be weighed."""


async def judge_function(
    pair: Pair, case: FunctionCase, code: str, mode: Mode, *, replays: int = REPLAYS
) -> DraftVerdict:
    """Judge one answer, which is a whole module."""
    if len(code) > MAX_CHARACTERS:
        detail = f"the answer has {len(code):,} characters; at most {MAX_CHARACTERS:,} are judged"
        return DraftVerdict("error", detail)
    module = with_setup(case, code)
    may_differ = not mode.stateful and (mode.repeats or not keeps_nothing(module))
    trial = _trial(case, module, mode, replays=replays if may_differ else 0)
    draft, result = await _judge(pair, case, trial, mode)
    if draft.outcome != "failed" or case.canonical_solution is None:
        return draft
    if "uses" in result.outcome.refused:
        open_crossing: dict[str, frozenset[str] | None] = {"uses": frozenset({ANY_USE})}
        does = "uses the test's objects as"
    elif "kinds" in result.outcome.refused and _defines_class(trial.prelude):
        open_crossing, does = {"kinds": None}, "gives objects where"
    else:
        return draft
    open_trial = trial.model_copy(update={"crossing": trial.crossing.model_copy(update=open_crossing)})
    open_draft, _ = await _judge(pair, case, open_trial, mode)
    if open_draft.outcome == "passed":
        open_draft.strength = "weaker"
        open_draft.detail = f"it {does} the case's own answer doesn't: {draft.detail}"
        return open_draft
    if open_draft.outcome == "timeout" and case.wall_s is not None and case.wall_s < case.longest_s:
        return open_draft  # `Tries` gives it longer: on a busy machine a brief try shows nothing
    return draft


async def _judge(
    pair: Pair, case: FunctionCase, trial: Trial, mode: Mode
) -> tuple[DraftVerdict, TrialResult]:
    result = await _run_trial(pair, trial, mode, case)
    outcome, detail = _read(result, case)
    permitted_changes = (trial.crossing.changed or frozenset()) | (trial.crossing.uses or frozenset())
    if outcome == "passed" and result.outcome.changed - permitted_changes:
        # It changed arguments that the canonical answer leaves: it must also pass where that is visible.
        visible_crossing = trial.crossing.model_copy(update={"write_back": True, "changed": None})
        visible_result = await _run_trial(
            pair, trial.model_copy(update={"crossing": visible_crossing, "replays": 0}), mode, case
        )
        outcome, detail = _read(visible_result, case)
    tripped = result.outcome.tripped - mode.tripped
    if outcome == "passed" and tripped:
        outcome, detail = "suspicious", weigh_alarms(tripped)
    draft = DraftVerdict(
        outcome,
        detail,
        result.cpu_s,
        result.candidates[0].wall_s,
        output=output_end(result.candidates[0]),
        base=_base_outcome(result, case),
        stateful=_passed(result, case) and bool(result.outcome.stateful),
        tripped=tripped,
        incomplete=not result.outcome.complete and outcome != "timeout",
        died=outcome != "passed" and any(map(has_unknown_killer, result.candidates)),
    )
    is_other = mode.how == "isolated" and result.outcome.exchanged != mode.exchanged
    if outcome == "passed" and is_other and (reason := await _weigh(pair, case, trial, mode)):
        draft.strength, draft.detail = "weaker", reason
    return draft, result


async def _weigh(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode) -> str:
    """Return why a pass shows less than one of the canonical answer, whose exchanges were others; else ""."""
    if not mode.exchanged:
        return ""
    seed, case = _seed(case), _with_weighing_time(case)
    key = sha256(case.model_dump_json().encode()).hexdigest()

    async def run(source: str, **fields: object) -> RunReport | None:
        update = {"source": source, "replays": 0, "tidy": False}
        weighed = Weighed(seed=seed).model_copy(update=fields)
        result = await _run_trial(pair, trial.model_copy(update={**update, "weighed": weighed}), mode, case)
        return result.outcome if _passed(result, case) and result.outcome.weighed else None

    own_module = canonical_module(case)
    assert own_module is not None
    if key not in pair.own_runs:
        reports = [await run(own_module, enough=0) for _ in range(_OWN_RUNS)]
        known = tuple(report for report in reports if report is not None)
        while len(pair.own_runs) >= _MOST_OWN_RUNS:
            del pair.own_runs[next(iter(pair.own_runs))]
        pair.own_runs[key] = OwnRuns(known) if len(known) == len(reports) else None
    own = pair.own_runs.get(key)
    if own is None:
        return ""
    report = await run(trial.source, own=own.counts)
    if report is None:
        return "it passed, and its answers, unlike the case's own, couldn't be weighed in a second run"
    if not (report.other_exchanges or report.fewer_exchanges):
        return ""
    own_report = await run(own_module, targets=requests_of(report))
    return find_nothing_shown(report, own, own_report.counter_trials if own_report else {}, trial.tests)


def _with_weighing_time(case: FunctionCase) -> FunctionCase:
    longer_s = _WEIGHING_FACTOR * case.timeout_s + _WEIGHING_S
    return case.model_copy(update={"timeout_s": longer_s, "wall_s": None})


def _seed(case: FunctionCase) -> int:
    return int(sha256(case.id.encode()).hexdigest()[:8], 16)


async def find_mode(pair: Pair, case: FunctionCase) -> Mode:
    """Find the judging mode by the canonical answer, and by one that does nothing: it has to fail."""
    mode = await _find_mode(pair, case)
    if mode.how == "broken":
        return mode
    brief = case.model_copy(update={"timeout_s": min(case.timeout_s, _IDLE_S)})
    trial = _trial(brief, with_setup(case, IDLE["None"].format(case.entry_point)), mode, replays=0)
    if _passed(await _run_trial(pair, trial, mode, brief), brief):
        return _passed_by(mode, "None", "an answer that only returns None passes it")
    return mode


def _passed_by(mode: Mode, answers: str, reason: str) -> Mode:
    return mode.model_copy(update={"passed_by": answers, "reason": f"its test can't fail: {reason}"})


async def _find_mode(pair: Pair, case: FunctionCase) -> Mode:
    """Find the judging mode by a run of the canonical answer in which all uses of objects are permitted."""
    module = canonical_module(case)
    if module is None:
        return without_canonical(case)
    open_mode = Mode(how="by_reference", crossing=ANY_CROSSING)
    trial = _trial(case, module, open_mode, replays=REPLAYS)
    if keeps_nothing(module) and _are_tidy((trial.prelude, *trial.tests)):  # tests can be run again
        trial = trial.model_copy(update={"replays": 0})
    result = await _run_trial(pair, trial.model_copy(update={"rerun": True}), open_mode, case)
    outcome = result.outcome
    if _passed(result, case):
        crossing = Crossing(
            kinds=outcome.kinds & CARRIERS,
            errors=outcome.errors,
            raising=outcome.raising,
            returning=outcome.returning if outcome.errors else frozenset(),  # else every error is refused
            steps=_STEPS_FACTOR * outcome.steps + _EXTRA_STEPS,
            write_back=bool(outcome.changed) or any(" set " in use for use in outcome.uses),
            changed=outcome.changed,
            uses=outcome.uses,
        )
        stateful = case.stateful or bool(outcome.stateful)
        seed = 1 + randbits(32)
        mode = Mode(how="isolated", crossing=crossing, stateful=stateful, cpu_s=result.cpu_s, seed=seed)
        if (weighed := await _weigh_own(pair, case, module, mode)) is not None:
            return weighed
        kinds = (
            ", ".join(sorted(outcome.kinds - CARRIERS)) or "what it raises, or does with the test's objects"
        )
        open_crossing = ANY_CROSSING.model_copy(
            update={"write_back": bool(outcome.changed), "changed": outcome.changed}
        )
        reason = f"what its canonical answer gives can't cross as plain data: {kinds}"
        return mode.model_copy(update={"how": "by_reference", "crossing": open_crossing, "reason": reason})
    _, detail = _read(result, case)
    shared_mode = Mode(
        how="shared_process", stateful=True, reason=f"its canonical answer fails apart: {detail}"[:500]
    )
    result = await _run_trial(pair, _trial(case, module, shared_mode, replays=0), shared_mode, case)
    if _passed(result, case):
        return shared_mode.model_copy(update={"tripped": result.outcome.tripped, "cpu_s": result.cpu_s})
    _, detail = _read(result, case)
    return Mode(how="broken", reason=f"the case's own canonical answer fails: {detail}"[:500])


async def _weigh_own(pair: Pair, case: FunctionCase, module: str, mode: Mode) -> Mode | None:
    """Add to an isolated mode what the canonical answer shows; None if that fails as it is isolated."""
    trial, longer = _trial(case, module, mode, replays=0), _with_weighing_time(case)
    weighed = trial.model_copy(update={"weighed": Weighed(seed=_seed(case), enough=1), "tidy": False})
    own = await _run_trial(pair, weighed, mode, longer)
    if not _passed(own, longer):
        return None
    repeats = own.outcome.has_unrepeated and not mode.stateful
    repeated = trial.model_copy(update={"replays": REPLAYS, "rerun": True, "repeated": True})
    for _ in range(_OWN_RUNS if repeats else 0):
        result = await _run_trial(pair, repeated, mode, case)
        repeats = repeats and _passed(result, case) and not result.outcome.stateful
    mode = mode.model_copy(update={"exchanged": own.outcome.exchanged, "repeats": repeats})
    blind = find_blindness(own.outcome)
    return _passed_by(mode, blind, f"{blind} pass it") if blind else mode


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
        seed=mode.seed,
        repeated=mode.repeats,
    )


@functools.lru_cache(maxsize=4096)
def _defines_class(source: str) -> bool:
    tree = parse_source(source)
    return tree is not None and any(isinstance(node, ast.ClassDef) for node in tree.body)


@functools.lru_cache(maxsize=4096)
def _are_tidy(sources: tuple[str, ...]) -> bool:
    return all(map(leaves_nothing, sources))


async def _run_trial(pair: Pair, trial: Trial, mode: Mode, case: FunctionCase) -> TrialResult:
    limits = Limits(cpu_s=case.timeout_s, wall_s=case.wall_s or case.longest_s, behind=case.behind)
    if mode.how == "shared_process":  # its limit counts whole seconds
        limits = limits.model_copy(update={"cpu_s": case.timeout_s + 1})
        return await run_trial_together(pair.candidate, trial, limits=limits)
    return await run_trial(pair.candidates, pair.checkers, trial, limits=limits)


def _passed(result: TrialResult, case: FunctionCase) -> bool:
    outcome = result.outcome
    expected = 1 if case.plus_test is None else 2
    return (
        outcome.complete
        and len(outcome.tests) == expected
        and not any(outcome.tests)
        and not _is_late(result, case)
    )


def _read(result: TrialResult, case: FunctionCase) -> tuple[Outcome, str]:
    outcome = result.outcome
    if _is_late(result, case):
        return "timeout", timeout_reason(case.timeout_s)
    if outcome.unloaded is not None:
        return "error", outcome.unloaded
    failure = next((failure_text for failure_text in outcome.tests if failure_text), None)
    if failure is not None:
        return "failed", failure
    if not _passed(result, case):
        return "error", outcome.note or "its tests were not run to their end"
    if outcome.stateful:
        share = f"{outcome.differing} of {outcome.replayed} repeated calls gave another answer, and "
        counted = share if outcome.replayed else ""
        return "failed", f"stateful: {counted}its tests fail on a copy called before: {outcome.stateful}"
    return "passed", ""


def _is_late(result: TrialResult, case: FunctionCase) -> bool:
    """Whether a time limit ended the trial: the candidate's, or that of the checker, whose work it causes."""
    processes = (*result.candidates, result.checker)
    return (
        result.outcome.timed_out
        or any(end.killed_by in ("wall", "cpu") for end in processes)
        or result.cpu_s > case.timeout_s
    )


def _base_outcome(result: TrialResult, case: FunctionCase) -> Outcome | None:
    if case.plus_test is None:
        return None
    outcome = result.outcome
    return "passed" if outcome.tests and not outcome.tests[0] else "failed"
