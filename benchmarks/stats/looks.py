"""Plan the looks at a run that grows, and share out the probability of an error among them.

Lan & DeMets 1983, "Discrete sequential boundaries for clinical trials", with the function that resembles
O'Brien and Fleming's boundaries: early looks spend little of it, and the last one most.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import ceil, exp, fsum, pi, sqrt
from statistics import NormalDist

from benchmarks.report import LookPlan, Report
from benchmarks.stats.comparison import judged_tallies
from coder.base.errors import UsageError

MAX_LOOKS = 4
_STEPS = 400
"""Number of values of the sum at which its density is computed."""
_REACH = 8.0
"""Standard deviations beyond which nothing is expected."""
_BISECTIONS = 50
_SAME = 0.002
"""Looks that differ by less information are one: the same samples, or nearly so."""
_LEAST_LEVEL = 1e-9
_NORMAL = NormalDist()


def plan_looks(
    samples: int, earlier: Sequence[int], *, max_drop: float, alpha: float, baseline: str
) -> LookPlan:
    """Plan looks at up to `samples` of each case.

    Args:
        earlier: number of samples of each case in the baseline.
        baseline: digest of the baseline.
    """
    return LookPlan(
        samples=tuple(sorted({ceil(samples * look / MAX_LOOKS) for look in range(1, MAX_LOOKS + 1)})),
        max_drop=max_drop,
        alpha=alpha,
        baseline=baseline,
        baseline_weight=fsum(1 / count for count in earlier) / len(earlier),
    )


def plan_of(reports: Sequence[Report]) -> LookPlan | None:
    """Return the plan by which reports were looked at. Raises UsageError for those of two such runs."""
    plans = [report.looks for report in reports if report.looks is not None]
    if len(plans) > 1:
        raise UsageError("Two runs of --until-decided were looked at apart: gate each of them alone.")
    return plans[0] if plans else None


def levels_of(plan: LookPlan) -> list[float]:
    """Return the one-sided level of each look if all are taken as planned."""
    return _levels([_information(plan, 1 / count) for count in plan.samples], plan.alpha)


def look_now(plan: LookPlan, reports: Sequence[Report]) -> tuple[float, float]:
    """Return information and one-sided level of a look at what the reports hold.

    A look that was taken keeps its level. Another one spends what is due by now and wasn't spent before;
    after the last one nothing is left.
    """
    counts = [tally.samples for tally in judged_tallies(reports).values() if tally.samples]
    if not counts:
        return 0.0, 0.0
    reached = _information(plan, fsum(1 / count for count in counts) / len(counts))
    information = min(1.0, reached)
    taken = next((look for look in plan.taken if abs(look.information - information) < _SAME), None)
    if taken is not None:
        return taken.information, taken.level if reached < 1 + _SAME else 0.0
    earlier = [look.information for look in plan.taken if look.information < information]
    return information, _levels([*earlier, information], plan.alpha)[-1]


def _information(plan: LookPlan, weight: float) -> float:
    """Return the share of the planned information: the planned variance of the difference by that of now.

    Above 1 where there are more samples than planned.

    Args:
        weight: mean over the cases of 1 / samples.
    """
    return (plan.baseline_weight + 1 / plan.samples[-1]) / (plan.baseline_weight + weight)


def spent(information: float, alpha: float) -> float:
    """Return which part of `alpha` may be spent until a share of the planned information is there."""
    return 2 * _NORMAL.cdf(_NORMAL.inv_cdf(alpha / 2) / sqrt(information))


def _levels(information: Sequence[float], alpha: float) -> list[float]:
    """Return the one-sided level of each look, at rising shares of the information; 0 for one too early.

    Under the hypothesis the scores form a Brownian motion. Its density over what no look has decided is
    carried from look to look, as in Armitage, McPherson & Rowe 1969.
    """
    budgets = [each - before for before, each in pairwise([0.0, *(spent(t, alpha) for t in information)])]
    if budgets[0] < _LEAST_LEVEL:
        return [0.0, *_levels(information[1:], alpha)] if len(information) > 1 else [0.0]
    levels = [budgets[0]]
    density = _first_density(information[0], -_NORMAL.inv_cdf(budgets[0]) * sqrt(information[0]))
    for (before, now), budget in zip(pairwise(information), budgets[1:], strict=True):
        deviation = sqrt(now - before) if now > before else 0.0
        bound = _bound(density, deviation, budget) if deviation and budget > _LEAST_LEVEL else _REACH
        level = _NORMAL.cdf(-bound / sqrt(now))
        levels.append(level if level > _LEAST_LEVEL else 0.0)
        if deviation:
            density = _next_density(density, deviation, _REACH * sqrt(now), bound)
    return levels


_Density = Sequence[tuple[float, float]]
"""Values, and the probability of each."""


def _grid(low: float, high: float) -> tuple[list[float], float]:
    width = (high - low) / _STEPS
    return [low + (step + 0.5) * width for step in range(_STEPS)], width


def _first_density(information: float, bound: float) -> _Density:
    deviation = sqrt(information)
    values, width = _grid(-_REACH * deviation, bound)
    normal = NormalDist(0, deviation)
    return [(value, normal.pdf(value) * width) for value in values]


def _next_density(density: _Density, deviation: float, reach: float, bound: float) -> _Density:
    values, width = _grid(-reach, bound)
    factor, scale = width / (deviation * sqrt(2 * pi)), -0.5 / deviation**2
    return [
        (value, factor * fsum(weight * exp(scale * (value - before) ** 2) for before, weight in density))
        for value in values
    ]


def _bound(density: _Density, deviation: float, budget: float) -> float:
    """Return the value that the next sum exceeds with probability `budget`, undecided before."""
    low, high = -_REACH, _REACH
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        over = fsum(weight * _NORMAL.cdf((value - middle) / deviation) for value, weight in density)
        low, high = (middle, high) if over > budget else (low, middle)
    return (low + high) / 2
