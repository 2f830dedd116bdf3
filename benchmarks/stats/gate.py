"""Check a report against conditions and a baseline, so that CI can refuse a worse agent."""

from collections.abc import Callable, Sequence
from math import ceil, comb
from typing import Literal

from benchmarks.report import LookPlan, Report
from benchmarks.stats.comparison import Comparison, bounding_tallies, common_cases, compare, tallies
from benchmarks.stats.difference import Difference, Pair, difference_of, drop_p_value, score_bounds
from benchmarks.stats.draws import repeat_remark
from benchmarks.stats.looks import look_now, plan_of
from benchmarks.stats.paired import holm
from benchmarks.stats.scores import ROUNDING, mean_pass_at_k, percent, wilson_interval
from benchmarks.stats.strong_passes import passes_below, strictest_of, with_min_strength
from benchmarks.verdict import Strength
from coder.base.errors import UsageError
from coder.base.text.sanitize import count_of
from sandbox.result import Value

MAX_NAMED = 20
"""Name at most this many cases in a condition."""
Decision = Literal["passed", "failed", "undecided"]


class Condition(Value):
    """Condition of a gate, and what the samples decide about it."""

    name: str
    decision: Decision
    text: str

    @property
    def sentence(self) -> str:
        """Sentence with measured and required value, and the decision."""
        decision = "not passed" if self.decision == "failed" else self.decision
        return f"{self.text}: {decision}"


class Gate(Value):
    """Result of a gate: what it decides, each condition, and remarks."""

    decision: Decision
    """failed if a condition is; else undecided if one is."""
    conditions: tuple[Condition, ...]
    remarks: tuple[str, ...] = ()
    """What a person should know and what decides nothing."""
    excludes_drop: float | None = None
    """Smallest drop of pass@1 that these samples can exclude, as a share, if none was required."""
    comparison: Comparison | None = None
    min_strength: Strength | None = None
    """Passes with a weaker verdict count as not passed; None if all passes count."""
    too_weak: bool = False
    """Whether the gate would pass if passes weaker than its least strength counted."""


def gate(
    reports: Sequence[Report],
    *,
    min_pass: float | None = None,
    k: int = 1,
    baseline: Sequence[Report] = (),
    max_drop: float | None = None,
    alpha: float = 0.05,
    strict: bool = False,
    max_cost: float | None = None,
    min_strength: Strength | None = None,
    fresh: tuple[Sequence[Report], Sequence[Report]] | None = None,
) -> Gate:
    """Check a run, or its repeats, against conditions. Raises UsageError if the report lacks a figure.

    Args:
        min_pass: minimum pass@k, as a share: passed if a lower one is excluded, failed if it is excluded.
        baseline: an earlier run, or its repeats: passed if a drop of `max_drop` of pass@1 is excluded, else
            failed if it is excluded that there is none, else undecided.
        max_drop: by default the smallest drop that these samples can exclude, at most `MOST_DROP`; with
            `strict` 0.
        alpha: probability of each error, one-sided. A run that was looked at as it grew spends what its
            plan leaves of it.
        strict: compare the scores themselves, for answers that don't vary.
        max_cost: maximum cost of all reports together, in US dollars.
        min_strength: passes with a weaker verdict count as not passed, in the run and in the baseline; by
            default the strictest minimum of the reports. If given without `min_pass` and `baseline`, the
            condition fails if there are weaker passes.
        fresh: fresh samples of the baseline's agent and of this one: they alone decide on lost cases.
    """
    require_condition(
        has_baseline=bool(baseline),
        min_pass=min_pass,
        max_cost=max_cost,
        min_strength=min_strength,
        max_drop=max_drop,
        strict=strict,
    )

    level = alpha
    if (looks := plan_of(reports)) is not None:
        max_drop, level = _as_planned(looks, reports, max_drop, alpha)

    def check(least: Strength | None) -> Gate:
        counted, before = (
            [with_min_strength(report, least) for report in side] for side in (reports, baseline)
        )
        conditions: list[Condition] = []
        excluded = None
        if min_pass is not None:
            conditions.append(_check_min_pass(counted, min_pass, k, alpha=level, strict=strict))
        if before:
            condition, excluded = _check_baseline(before, counted, max_drop, alpha=level, strict=strict)
            conditions.append(condition)
        if max_cost is not None:
            conditions.append(_check_cost(reports, max_cost))
        has_pairs = before and common_cases(before, counted).pairs
        comparison = compare(before, counted) if has_pairs else None
        if fresh is not None and comparison is not None:
            tried = tuple([with_min_strength(report, least) for report in side] for side in fresh)
            conditions.append(_check_suspects(comparison.named("lost"), *tried, alpha=alpha))
        return Gate(
            decision=_strictest(conditions),
            conditions=tuple(conditions),
            remarks=(
                *filter(None, map(repeat_remark, (before, counted))),
                *(_remarks(before, counted, comparison) if comparison is not None else ()),
                *(_drift(report.anchor, counted) for report in before if report.anchor is not None),
            ),
            excludes_drop=excluded,
            comparison=comparison,
            min_strength=least,
        )

    least = min_strength or strictest_of([*reports, *baseline])
    result = check(least)
    if least is None:
        return result
    decides_alone = min_strength is not None and min_pass is None and not baseline
    conditions = (*result.conditions, _check_strength(reports, least, decides_alone=decides_alone))
    decision = _strictest(conditions)
    return result.model_copy(
        update={
            "decision": decision,
            "conditions": conditions,
            "too_weak": decision != "passed" and check(None).decision == "passed",
        }
    )


def require_condition(
    *,
    has_baseline: bool,
    min_pass: float | None,
    max_cost: float | None,
    min_strength: Strength | None,
    max_drop: float | None,
    strict: bool,
    **_: object,
) -> None:
    """Raise UsageError unless there is something to check a report against, which can pass."""
    if max_drop is not None and not has_baseline:
        raise UsageError("--max-drop is a drop below a baseline. Give it with --baseline FILE.")
    if min_pass is None and not has_baseline and max_cost is None and min_strength is None:
        message = (
            "There is nothing to check against. Give --min-pass, --min-strength, --baseline or --max-cost."
        )
        raise UsageError(message)
    if max_drop == 1 and not strict:
        raise UsageError("No samples exclude a drop of 100 points. Give a smaller one: --max-drop 0.05.")
    if min_pass == 1 and not strict:
        raise UsageError(
            "No samples show that every one would pass, so --min-pass 1 can't pass. Give a lower share, or "
            "--strict for answers that don't vary."
        )


def _as_planned(
    plan: LookPlan, reports: Sequence[Report], max_drop: float | None, alpha: float
) -> tuple[float | None, float]:
    """Return maximum drop and level of a look at a run. Raises UsageError if others were planned."""
    asked = {"--max-drop": (max_drop, plan.max_drop), "--alpha": (alpha, plan.alpha)}
    for name, (value, planned) in asked.items():
        if value is not None and value != planned:
            raise UsageError(f"The looks at this run were planned for {name} {planned:g}, not {value:g}.")
    return plan.max_drop, look_now(plan, reports)[1]


def _strictest(conditions: Sequence[Condition]) -> Decision:
    decisions = {condition.decision for condition in conditions}
    return next((each for each in ("failed", "undecided") if each in decisions), "passed")


def _check_strength(reports: Sequence[Report], least: Strength, *, decides_alone: bool) -> Condition:
    """Return a condition that names weaker passes; they fail it only if no score is required."""
    weaker_passes = [verdict for report in reports for verdict in passes_below(report, least)]
    names = [
        f"{verdict.id} ({verdict.strength}{f': {verdict.detail}' if verdict.detail else ''})"
        for verdict in weaker_passes
    ]
    listed = f", not counted: {_listed(names)}" if names else ""
    passes = "1 pass" if len(weaker_passes) == 1 else f"{len(weaker_passes):,} passes"
    return Condition(
        name="min-strength",
        decision="failed" if decides_alone and weaker_passes else "passed",
        text=f"{passes} weaker than {least}{listed}",
    )


def _check_min_pass(
    reports: Sequence[Report], min_pass: float, k: int, *, alpha: float, strict: bool
) -> Condition:
    counts = tallies(reports)
    score = mean_pass_at_k([(tally.samples, tally.passed) for tally in counts.values()], k)
    if score is None or (k > 1 and not all(report.independent for report in reports)):
        raise UsageError(f"The report has no pass@{k}: {_why_no_pass_at_k(reports, k)}")
    low, high = _bounds(reports, k, alpha=alpha, strict=strict)
    if low >= min_pass - ROUNDING:
        decision: Decision = "passed"
    else:
        decision = "failed" if high < min_pass - ROUNDING else "undecided"
    range_text = "" if strict else f", {percent(low)} to {percent(high)} with samples like these"
    return Condition(
        name="min-pass",
        decision=decision,
        text=f"pass@{k} {percent(score)}{range_text} (required: {percent(min_pass)}{_unjudged(reports)})",
    )


def _why_no_pass_at_k(reports: Sequence[Report], k: int) -> str:
    if any(report.greedy for report in reports):
        return f"samples drawn at temperature 0 are copies of one. Draw several without it: --samples {k}"
    if not all(report.independent for report in reports):
        return "its samples depend on one another. Draw them without --lessons."
    if not any(report.cases for report in reports):
        return "it has no case."
    return f"each case needs {count_of(k, 'sample')}. Draw them with: --samples {k}"


def _bounds(reports: Sequence[Report], k: int, *, alpha: float, strict: bool) -> tuple[float, float]:
    """Return the bounds of pass@k, each at `alpha`: samples without a verdict may have passed or failed."""
    sides = []
    for passed in (False, True):
        counts = [*bounding_tallies(reports, passed=passed).values()]
        score = mean_pass_at_k([(tally.samples, tally.passed) for tally in counts], k) or 0.0
        if strict:
            sides.append((score, score))
        elif not alpha:
            sides.append((0.0, 1.0))
        elif k > 1:
            sides.append(wilson_interval(score * len(counts), len(counts), confidence=1 - 2 * alpha))
        else:
            sides.append(score_bounds(counts, 1 - 2 * alpha))
    return sides[0][0], sides[1][1]


def _unjudged(reports: Sequence[Report]) -> str:
    """Return a note on samples without a verdict; empty without any."""
    count = sum(report.outcomes.get("infrastructure", 0) for report in reports)
    count += sum(sum(report.missing_samples.values()) for report in reports)
    count += sum(len(report.missing) for report in reports if "samples" not in report.digests)
    return (
        f"; {count_of(count, 'sample')} without a verdict, which may have passed or failed" if count else ""
    )


def _check_baseline(
    before: Sequence[Report],
    after: Sequence[Report],
    max_drop: float | None,
    *,
    alpha: float,
    strict: bool,
) -> tuple[Condition, float | None]:
    """Return the condition, and the smallest drop that the samples can exclude if none was given."""
    common = common_cases(before, after)
    pairs = [*common.pairs.values()]
    if not pairs:
        text = "no case has a verdict in both runs"
        return Condition(name="baseline", decision="undecided", text=text), None
    difference = difference_of(pairs)
    decide: _Decide = _decide_by_score if strict else decider(alpha)
    smallest = 0.0 if strict or max_drop is not None else excludable_drop(difference, alpha)
    drop = min(smallest, MOST_DROP) if max_drop is None else max_drop
    decision, reason = decide(pairs, drop)
    if_lost = [*common.if_lost.values()]
    if decision != "undecided" and if_lost != pairs and decide(if_lost, drop)[0] != decision:
        unjudged = sum(pair != common.pairs.get(case) for case, pair in common.if_lost.items())
        reason += f", unless the missing verdicts of {count_of(unjudged, 'case')} count as lost"
        decision = "undecided"
    scores = [float(sum(pair[side].share for pair in pairs) / len(pairs)) for side in (0, 1)]
    text = (
        f"pass@1 {percent(scores[0])} → {percent(scores[1])}, {100 * difference.value:+.1f} points in "
        f"{count_of(len(pairs), 'case')}: {reason}"
    )
    is_chosen_here = max_drop is None and not strict
    return Condition(name="baseline", decision=decision, text=text), smallest if is_chosen_here else None


def excludable_drop(difference: Difference, alpha: float) -> float:
    """Return the smallest drop that such samples exclude, rounded up to a tenth of a point; at most 1."""
    return min(1.0, ceil(difference.excludable_drop(alpha) * 1000) / 1000)


MOST_DROP = 0.15
"""Largest drop that a pass excludes where no other was asked for: a pass that excludes less says nothing."""
_Decide = Callable[[Sequence[Pair], float], tuple[Decision, str]]


def _decide_by_score(pairs: Sequence[Pair], drop: float) -> tuple[Decision, str]:
    is_enough = difference_of(pairs).value >= -drop - ROUNDING
    return "passed" if is_enough else "failed", f"a drop of {100 * drop:.1f} points is allowed"


def decider(alpha: float) -> _Decide:
    """Return the rule for samples that vary, with probability `alpha` of each error."""

    def decide(pairs: Sequence[Pair], drop: float) -> tuple[Decision, str]:
        size = f"{100 * drop:.1f} points"
        if not alpha:
            return "undecided", "the looks at this run have spent --alpha, or this one is too early"
        low, _ = difference_of(pairs).interval(1 - 2 * alpha)
        if low > -drop:
            return "passed", f"a drop of {size} or more is excluded"
        p_value = drop_p_value(pairs)
        if p_value <= alpha:
            return "failed", f"there is a drop (p = {p_value:.2g})"
        return "undecided", f"neither a drop of {size} nor an equal score is excluded"

    return decide


def _check_suspects(
    suspects: Sequence[str], before: Sequence[Report], after: Sequence[Report], *, alpha: float
) -> Condition:
    """Decide on lost cases by fresh samples: Fisher's exact test of each, corrected by Holm."""
    pairs = common_cases(before, after).pairs
    tried = [case for case in suspects if case in pairs]
    untried = [case for case in suspects if case not in pairs]
    p_values = holm([drop_p_value([pairs[case]]) for case in tried])
    worse = [f"{case} (p = {p:.2g})" for case, p in zip(tried, p_values, strict=True) if p <= alpha]
    # Of samples that all passed before and all fail now: what could be shown at best.
    least = [1 / comb(old.samples + new.samples, new.samples) for old, new in map(pairs.__getitem__, tried)]
    is_too_few = any(p > alpha for p in holm(least)) or bool(untried)
    decision: Decision = "failed" if worse else "undecided" if is_too_few else "passed"
    parts = [f"worse in fresh samples: {_listed(worse)}"] if worse else []
    parts += [f"without fresh samples: {_listed(untried)}"] if untried else []
    parts += ["too few fresh samples"] if is_too_few and not worse and not untried else []
    text = f"{count_of(len(suspects), 'lost case')} tried again"
    return Condition(name="suspects", decision=decision, text="; ".join([text, *parts]))


def _remarks(before: Sequence[Report], after: Sequence[Report], comparison: Comparison) -> tuple[str, ...]:
    """Return what decides nothing and may explain the difference."""
    models = [{report.model for report in side if report.model} for side in (before, after)]
    causes = [*comparison.other, *(["model"] if models[0] != models[1] else [])]
    named = {
        "passed before and fail now, which may be chance": comparison.named("lost"),
        "left out, without a verdict in a run": comparison.unjudged,
        "groups that moved": [
            f"{group.of} {group.name} ({100 * (group.after - group.before):+.1f} points)"
            for group in comparison.groups
            if group.has_moved
        ],
        "new": comparison.only_after,
        "gone": comparison.only_before,
        "left out, since prompt or tests are others": comparison.other_content,
        "the runs also differ in": causes,
    }
    return tuple(f"{what}: {_listed(names)}" for what, names in named.items() if names)


def _drift(anchor: Report, after: Sequence[Report]) -> str:
    """Return how far the score has moved since the first baseline, by one small step after the other."""
    began = f" of {anchor.times.started[:10]}" if anchor.times.started else ""
    try:
        moved = compare([anchor], after)
    except UsageError:
        return f"nothing can be compared with the first baseline{began}"
    low, high = (f"{100 * bound:+.1f}" for bound in moved.interval)
    return f"since the first baseline{began}: {100 * moved.difference:+.1f} points (95 % {low} to {high})"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return f"{', '.join(names[:MAX_NAMED])}{more}"


def _check_cost(reports: Sequence[Report], max_cost: float) -> Condition:
    costs = [report.cost_usd for report in reports]
    if any(cost is None for cost in costs):
        raise UsageError(
            "The report doesn't say what it cost, so --max-cost can't be decided.\n"
            "Graded answers have no cost; a run has one where the model's price is known (--price)."
        )
    cost = sum(cost or 0.0 for cost in costs)
    return Condition(
        name="max-cost",
        decision="passed" if cost <= max_cost + ROUNDING else "failed",
        text=f"cost ${cost:.4g} (allowed: ${max_cost:.4g})",
    )
