"""Judge an answer to a function case, with tests and candidate in separate processes where possible."""

import ast
import functools
from contextlib import suppress
from secrets import randbits

from benchmarks.judge.counter_trial import find_blindness
from benchmarks.judge.function_trial import (
    Pair,
    are_tidy,
    has_passed,
    is_late,
    make_trial,
    run_case_trial,
    with_weighing_time,
)
from benchmarks.judge.mode import CARRIERS, Mode, canonical_module, with_setup, without_canonical
from benchmarks.judge.purity import keeps_nothing
from benchmarks.judge.verdicts import (
    DraftVerdict,
    has_unknown_killer,
    output_end,
    timeout_reason,
    weigh_alarms,
)
from benchmarks.judge.weighed_answers import OWN_RUNS, find_weakness, seed_of
from benchmarks.suite import FunctionCase
from benchmarks.verdict import Outcome
from coder.source.python_names import parse_source
from sandbox.verdicts.relay import TrialResult
from sandbox.verdicts.run_report import ANY_CROSSING, ANY_USE, Crossing, RunReport
from sandbox.verdicts.trial import REPEATS, Repeated, Trial, Weighed

REPLAYS = 64
"""Number of calls of a passing sample that are repeated, in another order, on a fresh copy."""
_ORDERS = 6
"""Runs of a canonical answer that may keep something: some orders of its calls don't show it."""
_IDLE = "def {}(*arguments, **named):\n    return {}\n"
_BRIEF_S = 0.5
"""CPU seconds of a run of a canonical answer, weighed too, from which its own time is taken."""
_IDLE_S = 2.0
"""CPU seconds in which an answer that does nothing has to pass."""
_MOST_SHOWN = 60
"""Characters of an expected value in a message."""
_STEPS_FACTOR, _EXTRA_STEPS = 4, 1_000
"""Permitted generator steps: multiple of the canonical answer's steps, plus a constant."""
_PLAIN = Crossing(
    kinds=CARRIERS,
    errors=frozenset(),
    steps=_EXTRA_STEPS,
    write_back=False,
    changed=frozenset(),
    uses=frozenset(),
)
"""No argument changes, and nothing crosses but plain data, and what carries it by reference."""
MAX_CHARACTERS = 1 << 20
"""Maximum length of an answer; as JSON such an answer fits into one frame."""


async def judge_function(
    pair: Pair, case: FunctionCase, code: str, mode: Mode, *, replays: int = REPLAYS
) -> DraftVerdict:
    """Judge one answer, which is a whole module."""
    if len(code) > MAX_CHARACTERS:
        detail = f"the answer has {len(code):,} characters; at most {MAX_CHARACTERS:,} are judged"
        return DraftVerdict("error", detail)
    module = with_setup(case, code)
    may_differ = not mode.stateful and (bool(mode.repeats) or not keeps_nothing(module))
    trial = make_trial(case, module, mode, replays=replays if may_differ else 0)
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
    result = await run_case_trial(pair, trial, mode, case)
    outcome, detail = _read(result, case)
    permitted_changes = (trial.crossing.changed or frozenset()) | (trial.crossing.uses or frozenset())
    if outcome == "passed" and result.outcome.changed - permitted_changes:
        # It changed arguments that the canonical answer leaves: it must also pass where that is visible.
        visible_crossing = trial.crossing.model_copy(update={"write_back": True, "changed": None})
        visible_result = await run_case_trial(
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
        stateful=has_passed(result, case) and bool(result.outcome.stateful),
        tripped=tripped,
        incomplete=not result.outcome.complete and outcome != "timeout",
        died=outcome != "passed" and any(map(has_unknown_killer, result.candidates)),
    )
    if outcome == "passed" and (reason := await find_weakness(pair, case, trial, mode, result)):
        draft.strength, draft.detail = "weaker", reason
    return draft, result


async def find_mode(pair: Pair, case: FunctionCase) -> Mode:
    """Find the judging mode by the canonical answer, and by one that does nothing: it has to fail.

    Recorded calls often show that; else such an answer is tried.
    """
    mode, own = await _find_mode(pair, case)
    if mode.how == "broken" or own.counter_trials.get("idle") == (1, 1):
        return mode
    brief = case.model_copy(update={"timeout_s": min(case.timeout_s, _IDLE_S)})
    trial = make_trial(brief, with_setup(case, _IDLE.format(case.entry_point, None)), mode, replays=0)
    if has_passed(await run_case_trial(pair, trial, mode, brief), brief):
        return _passed_by(mode, "None", "an answer that only returns None passes it")
    return mode


def idle_answers(case: FunctionCase) -> dict[str, str]:
    """Return further answers that do nothing, by what they return."""
    answers = {"its first argument": _IDLE.format(case.entry_point, "arguments[0] if arguments else None")}
    if (expected := _first_expected(case.test)) is not None:
        answers[f"{expected[:_MOST_SHOWN]}, which its test expects first,"] = _IDLE.format(
            case.entry_point, expected
        )
    return {name: with_setup(case, answer) for name, answer in answers.items()}


def _first_expected(test: str) -> str | None:
    """Return the source of the first literal that a comparison in a test has; None if there is none."""
    tree = parse_source(test)
    compared = (node for node in ast.walk(tree) if isinstance(node, ast.Compare)) if tree is not None else ()
    for node in sorted(compared, key=lambda node: (node.lineno, node.col_offset)):
        for side in (node.comparators[-1], node.left):
            with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
                return repr(ast.literal_eval(side))
    return None


def _passed_by(mode: Mode, answers: str, reason: str) -> Mode:
    return mode.model_copy(update={"passed_by": answers, "reason": f"its test can't fail: {reason}"})


async def _find_mode(pair: Pair, case: FunctionCase) -> tuple[Mode, RunReport]:
    """Find the judging mode by a run of the canonical answer in which all uses of objects are permitted.

    Before that it is tried with plain data alone, where it can't keep anything. Returns also what a weighed
    run of it has shown.
    """
    module = canonical_module(case)
    if module is None:
        return without_canonical(case), RunReport()
    seed = 1 + randbits(32)
    open_mode = Mode(how="by_reference", crossing=ANY_CROSSING)
    trial = make_trial(case, module, open_mode, replays=REPLAYS)
    if keeps_nothing(module) and are_tidy((trial.prelude, *trial.tests)):  # tests can be run again
        trial = trial.model_copy(update={"replays": 0})
        plain = trial.model_copy(update={"crossing": _PLAIN, "seed": seed})
        result = await run_case_trial(pair, _weighed(plain, case), open_mode, with_weighing_time(case))
        is_brief = has_passed(result, case) and result.cpu_s < min(_BRIEF_S, case.timeout_s)
        outcome = result.outcome
        if is_brief and not (outcome.kinds or outcome.changed or outcome.refused):
            own_s = result.candidates[0].cpu_s  # its checker's time is that of the weighing
            mode = _isolated(case, result, seed).model_copy(update={"cpu_s": own_s})
            return await _with_own(pair, case, mode, outcome), outcome
    for _ in range(_ORDERS if trial.replays else 1):
        result = await run_case_trial(pair, trial.model_copy(update={"rerun": True}), open_mode, case)
        outcome = result.outcome
        if outcome.stateful or not has_passed(result, case):
            break
    if has_passed(result, case):
        mode = _isolated(case, result, seed)
        isolated, longer = make_trial(case, module, mode, replays=0), with_weighing_time(case)
        own = await run_case_trial(pair, _weighed(isolated, case), mode, longer)
        if has_passed(own, longer):
            return await _with_own(pair, case, mode, own.outcome), own.outcome
        kinds = (
            ", ".join(sorted(outcome.kinds - CARRIERS)) or "what it raises, or does with the test's objects"
        )
        open_crossing = ANY_CROSSING.model_copy(
            update={"write_back": bool(outcome.changed), "changed": outcome.changed}
        )
        reason = f"what its canonical answer gives can't cross as plain data: {kinds}"
        update = {"how": "by_reference", "crossing": open_crossing, "reason": reason}
        return mode.model_copy(update=update), RunReport()
    _, detail = _read(result, case)
    shared_mode = Mode(
        how="shared_process", stateful=True, reason=f"its canonical answer fails apart: {detail}"[:500]
    )
    result = await run_case_trial(pair, make_trial(case, module, shared_mode, replays=0), shared_mode, case)
    if has_passed(result, case):
        update = {"tripped": result.outcome.tripped, "cpu_s": result.cpu_s}
        return shared_mode.model_copy(update=update), RunReport()
    _, detail = _read(result, case)
    reason = f"the case's own canonical answer fails: {detail}"[:500]
    return Mode(how="broken", reason=reason), RunReport()


def _isolated(case: FunctionCase, result: TrialResult, seed: int) -> Mode:
    """Return the mode in which only that may cross which the canonical answer let cross."""
    outcome = result.outcome
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
    return Mode(how="isolated", crossing=crossing, stateful=stateful, cpu_s=result.cpu_s, seed=seed)


def _weighed(trial: Trial, case: FunctionCase) -> Trial:
    """Return a trial of the canonical answer that weighs its test."""
    return trial.model_copy(update={"weighed": Weighed(seed=seed_of(case), enough=1), "tidy": False})


async def _with_own(pair: Pair, case: FunctionCase, mode: Mode, own: RunReport) -> Mode:
    """Add to an isolated mode what the canonical answer shows."""
    mode = mode.model_copy(update={"exchanged": own.exchanged})
    module = canonical_module(case)
    if own.has_unrepeated and not mode.stateful and module is not None:
        trial = make_trial(case, module, mode, replays=0)
        mode = mode.model_copy(update={"repeats": await _find_repeats(pair, case, trial, mode)})
    blind = find_blindness(own)
    return _passed_by(mode, blind, f"{blind} pass it") if blind else mode


async def _find_repeats(pair: Pair, case: FunctionCase, trial: Trial, mode: Mode) -> Repeated:
    """Return which calls can be made between the tests' own while the canonical answer stays right."""
    for way in REPEATS:
        repeated = trial.model_copy(update={"replays": REPLAYS, "rerun": True, "repeated": way})
        for _ in range(OWN_RUNS):
            result = await run_case_trial(pair, repeated, mode, case)
            if not has_passed(result, case) or result.outcome.stateful:
                break
        else:
            return way
    return ""


@functools.lru_cache(maxsize=4096)
def _defines_class(source: str) -> bool:
    tree = parse_source(source)
    return tree is not None and any(isinstance(node, ast.ClassDef) for node in tree.body)


def _read(result: TrialResult, case: FunctionCase) -> tuple[Outcome, str]:
    outcome = result.outcome
    if is_late(result, case):
        return "timeout", timeout_reason(case.timeout_s)
    if outcome.unloaded is not None:
        return "error", outcome.unloaded
    failure = next((failure_text for failure_text in outcome.tests if failure_text), None)
    if failure is not None:
        return "failed", failure
    if not has_passed(result, case):
        return "error", outcome.note or "its tests were not run to their end"
    if outcome.stateful:
        share = f"{outcome.differing} of {outcome.replayed} repeated calls gave another answer, and "
        counted = share if outcome.replayed else ""
        return "failed", f"stateful: {counted}its tests fail on a copy called before: {outcome.stateful}"
    return "passed", ""


def _base_outcome(result: TrialResult, case: FunctionCase) -> Outcome | None:
    if case.plus_test is None:
        return None
    outcome = result.outcome
    return "passed" if outcome.tests and not outcome.tests[0] else "failed"
