"""How often `coder gate --baseline` errs, by simulation, beside a rule that compares scores and names cases.

    python -m perf.gate [--pairs 1000] [--recording REPORT] [--plans]

`perf/easy.jsonl` is a suite for a recording, by the embedded model: docs/measured.md has the command.

Each pair of runs is drawn from the rates of the cases: of three stated distributions, and of a report with
20 samples a case at least (--recording), whose samples are drawn again. Three rules decide each pair:

    scores   the score may not fall, and no case that passed every time may fail every time (from 3 samples)
    0.02     the same, where the score may fall by 2 points
    gate     the product's: passed, failed or undecided

Runs that are looked at as they grow (5 samples a case in the baseline, up to 8 in the later run) end at the
look that decides: at --alpha each time (plain), or by the plan of `bench run --until-decided` (planned).
The last table (--plans: that alone) shows how often an unchanged agent passes with the samples that a plan by
a small pilot says, and the power that the plan promises: 80 %, or more where one sample less would have less,
and at least.
"""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.random import Generator

from benchmarks.report import LookPlan
from benchmarks.reports.read_report import read_report
from benchmarks.stats.comparison import judged_tallies
from benchmarks.stats.difference import Pair, Tally, difference_of
from benchmarks.stats.gate import MOST_DROP, decider, excludable_drop
from benchmarks.stats.looks import levels_of, plan_looks
from benchmarks.stats.plan import MAX_SAMPLES, least_power, likely_variances, mean_power, samples_for

ALPHA, POWER = 0.05, 0.8
BEFORE, AFTER = 5, 8
HOW = ("spread", "whole")
Looked = dict[str, tuple[str, int]]
Levels = dict[str, list[float]]
Rates = Callable[[Generator, int], np.ndarray]


def uneven(draw: Generator, cases: int) -> np.ndarray:
    """Four of ten cases pass always, two never, the others at any rate."""
    kinds = np.array([1.0] * 4 + [0.0] * 2 + [-1.0] * 4)[draw.integers(0, 10, cases)]
    return np.where(kinds < 0, draw.random(cases), kinds)


def half(_: Generator, cases: int) -> np.ndarray:
    """Each case passes half of the time: samples vary as much as they can."""
    return np.full(cases, 0.5)


DISTRIBUTIONS: dict[str, Rates] = {
    "U-shaped, Beta(½, ½)": lambda draw, cases: draw.beta(0.5, 0.5, cases),
    "mostly solved, Beta(4, 1)": lambda draw, cases: draw.beta(4, 1, cases),
    "uneven": uneven,
}


class Size(NamedTuple):
    """Cases, and samples of each in the earlier and in the later run."""

    cases: int
    before: int
    after: int


def worse(rates: np.ndarray, drop: float, how: str, draw: Generator) -> np.ndarray:
    """Lower the mean rate by `drop`: of all cases alike (spread), or of few to 0 (whole)."""
    if how == "spread":
        return rates * max(0.0, 1 - drop / rates.mean())
    left, lowered = drop * len(rates), rates.copy()
    for case in draw.permutation(len(rates)):
        taken = min(left, lowered[case])
        lowered[case] -= taken
        left -= taken
    return lowered


def pairs_of(
    rates: np.ndarray, later: np.ndarray, size: Size, draw: Generator, *, missing: float = 0.0
) -> list[Pair]:
    """Draw a run of each side, of whose samples a share is missing, but not all of a case."""
    sides = []
    for samples, of_cases in ((size.before, rates), (size.after, later)):
        counts = np.maximum(1, draw.binomial(samples, 1 - missing, len(rates)))
        passed = draw.binomial(counts, of_cases)
        sides.append([Tally(samples=int(n), passed=int(p)) for n, p in zip(counts, passed, strict=True)])
    return [*zip(*sides, strict=True)]


def by_scores(pairs: Sequence[Pair], tolerance: float) -> str:
    """Decide by the rule that compares scores and names cases."""
    fallen = difference_of(pairs).value < -tolerance - 1e-9
    named = any(
        old.passed == old.samples and not new.passed and min(old.samples, new.samples) >= 3
        for old, new in pairs
    )
    return "failed" if fallen or named else "passed"


def by_gate(pairs: Sequence[Pair], max_drop: float | None, alpha: float = ALPHA) -> str:
    """Decide by the product's rule, as `coder gate` does."""
    difference = difference_of(pairs)
    drop = min(excludable_drop(difference, alpha), MOST_DROP) if max_drop is None else max_drop
    if difference.interval(1 - 2 * alpha)[0] <= -drop:
        # The exact test takes most of the time, and is needed near its limit alone.
        ratio = approximate_p_value(pairs) / alpha
        if not 1 / 20 < ratio < 4:
            return "failed" if ratio < 1 else "undecided"
    return decider(alpha)(pairs, drop)[0]


def approximate_p_value(pairs: Sequence[Pair]) -> float:
    """Return the p-value of the exact test by its normal approximation."""
    old, new = (np.array([(pair[side].samples, pair[side].passed) for pair in pairs]).T for side in (0, 1))
    samples, passed = old[0] + new[0], old[1] + new[1]
    weight = 1 / old[0] + 1 / new[0]
    distance = float(np.sum(weight * (new[1] - new[0] * passed / samples)))
    spread = new[0] * old[0] * passed * (samples - passed) / (samples**2 * np.maximum(samples - 1, 1))
    deviation = float(np.sqrt(np.sum(weight**2 * spread)))
    return NormalDist().cdf(distance / deviation) if deviation else 1.0


def by_looks(rates: np.ndarray, later: np.ndarray, plan: LookPlan, levels: Levels, draw: Generator) -> Looked:
    """Grow a run until it is decided, for each rule of levels: its decision, and samples of each case."""
    before = draw.binomial(BEFORE, rates)
    passed = np.cumsum(draw.random((plan.samples[-1], len(rates))) < later, axis=0)
    results: Looked = {}
    for samples, *of_rules in zip(plan.samples, *levels.values(), strict=True):
        pairs = [
            (Tally(samples=BEFORE, passed=int(old)), Tally(samples=samples, passed=int(new)))
            for old, new in zip(before, passed[samples - 1], strict=True)
        ]
        for rule, level in zip(levels, of_rules, strict=True):
            if results.get(rule, ("undecided", 0))[0] == "undecided":
                results[rule] = by_gate(pairs, plan.max_drop, level), samples
    return results


def shares(
    rates: Rates,
    size: Size,
    draw: Generator,
    rounds: int,
    *,
    drop: float = 0.0,
    how: str = "spread",
    max_drop: float | None = None,
    missing: float = 0.0,
) -> dict[str, Counter[str]]:
    """Count the decisions of each rule."""
    counts: dict[str, Counter[str]] = {"scores": Counter(), "0.02": Counter(), "gate": Counter()}
    for _ in range(rounds):
        of_cases = rates(draw, size.cases)
        later = worse(of_cases, drop, how, draw) if drop else of_cases
        pairs = pairs_of(of_cases, later, size, draw, missing=missing)
        for rule, tolerance in (("scores", 0.0), ("0.02", 0.02)):
            counts[rule][by_scores(pairs, tolerance)] += 1
        counts["gate"][by_gate(pairs, max_drop)] += 1
    return counts


def looked_rows(name: str, rates: Rates, cases: int, max_drop: float, rounds: int) -> Iterator[str]:
    """Yield rows of a table in Markdown: decisions in per cent, and the mean number of samples of a case."""
    plan = plan_looks(AFTER, [BEFORE] * cases, max_drop=max_drop, alpha=ALPHA, baseline="")
    levels = {"plain": [ALPHA] * len(plan.samples), "planned": levels_of(plan)}
    for change, drop, how in (
        ("none", 0.0, "spread"),
        *((f"-{100 * max_drop:g} points", max_drop, how) for how in HOW),
    ):
        draw = np.random.default_rng(70)
        counts: dict[str, Counter[str]] = {"plain": Counter(), "planned": Counter()}
        for _ in range(rounds):
            of_cases = rates(draw, cases)
            later = worse(of_cases, drop, how, draw) if drop else of_cases
            for rule, (decision, samples) in by_looks(of_cases, later, plan, levels, draw).items():
                counts[rule][decision] += 1
                counts[rule]["samples"] += samples
        for rule, count in counts.items():
            cells = [f"{100 * count[each] / rounds:.1f}" for each in ("failed", "undecided", "passed")]
            means = f"{count['samples'] / rounds:.1f}"
            yield f"| {name}, {change}{f', {how}' * bool(drop)} | {rule} | {' | '.join(cells)} | {means} |"


def planned_power(rates: Rates, cases: int, pilot: int, drop: float, draw: Generator, rounds: int) -> str:
    """Return how often an unchanged agent passes with as many samples as a plan by a pilot says."""
    passed, taken, promised, least = 0, 0, 0.0, 0.0
    for _ in range(rounds):
        of_cases = rates(draw, cases)
        tallies = [Tally(samples=pilot, passed=int(each)) for each in draw.binomial(pilot, of_cases)]
        variances, _ = likely_variances(tallies)
        samples = samples_for(cases, variances, drop, POWER, ALPHA) or MAX_SAMPLES
        promised += mean_power(cases, variances, samples, samples, drop, ALPHA)
        least += least_power(cases, variances, samples, samples, drop, ALPHA)
        pairs = pairs_of(of_cases, of_cases, Size(cases, samples, samples), draw)
        passed += by_gate(pairs, drop) == "passed"
        taken += samples
    cells = (f"{value / rounds:.1f}" for value in (taken, 100 * promised, 100 * least, 100 * passed))
    return f"{cases} × {pilot}, --drop {drop} | {' | '.join(cells)} |"


def row(name: str, counts: dict[str, Counter[str]], rounds: int) -> str:
    """Return a row of a table in Markdown, in per cent."""
    cells = [f"{100 * counts[rule]['failed'] / rounds:.1f}" for rule in ("scores", "0.02")]
    cells += [f"{100 * counts['gate'][each] / rounds:.1f}" for each in ("failed", "undecided", "passed")]
    return f"| {name} | {' | '.join(cells)} |"


def recorded(path: Path) -> Rates:
    """Return the rates of a report's cases, of which a run takes some with replacement."""
    tallies = judged_tallies([read_report(path)])
    few = [case for case, tally in tallies.items() if tally.samples < 20]
    if few:
        raise SystemExit(f"{path} has fewer than 20 samples of {len(few)} cases, such as {few[0]}.")
    rates = np.array([float(tally.share) for tally in tallies.values()])
    return lambda draw, cases: draw.choice(rates, cases)


def main() -> None:
    """Print a table for each distribution of rates."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--recording", type=Path)
    parser.add_argument("--plans", action="store_true")
    arguments = parser.parse_args()
    distributions = dict(DISTRIBUTIONS)
    if arguments.recording is not None:
        distributions[f"recorded: {arguments.recording.name}"] = recorded(arguments.recording)
    rounds = arguments.pairs
    sizes = [Size(100, 1, 1), Size(100, 3, 3), Size(300, 3, 3), Size(300, 5, 5), Size(100, 1, 5)]
    for name, rates in [] if arguments.plans else distributions.items():
        draw = np.random.default_rng(70)
        print(f"\n{name}\n")
        print(
            "| cases × samples, change | scores: failed | 0.02: failed | gate: failed | undecided | passed |"
        )
        print("| --- | --- | --- | --- | --- | --- |")
        for size in sizes:
            label = f"{size.cases} × {size.before}" + (f"/{size.after}" * (size.before != size.after))
            print(row(f"{label}, none", shares(rates, size, draw, rounds), rounds), flush=True)
        counts = shares(rates, sizes[1], draw, rounds, missing=0.2)
        print(row("100 × 3, a fifth missing, none", counts, rounds), flush=True)
        for drop, size in ((0.1, sizes[1]), (0.05, sizes[2])):
            for how in ("spread", "whole"):
                counts = shares(rates, size, draw, rounds, drop=drop, how=how)
                print(row(f"{size.cases} × {size.before}, -{100 * drop:.0f} points, {how}", counts, rounds))
        for limit, size in ((0.08, sizes[1]), (0.035, sizes[3])):
            for how in ("spread", "whole"):
                counts = shares(rates, size, draw, rounds, drop=limit, how=how, max_drop=limit)
                label = f"{size.cases} × {size.before}, -{100 * limit:g} points, {how}, --max-drop {limit}"
                print(row(label, counts, rounds), flush=True)
        counts = shares(rates, sizes[3], draw, rounds, max_drop=0.03)
        print(row("300 × 5, none, --max-drop 0.03", counts, rounds), flush=True)
        print("\n| cases, change | looks | failed | undecided | passed | samples |")
        print("| --- | --- | --- | --- | --- | --- |")
        for cases, limit in ((100, 0.05), (300, 0.03)):
            for line in looked_rows(f"{cases}, --max-drop {limit}", rates, cases, limit, rounds):
                print(line, flush=True)
    draw = np.random.default_rng(70)
    print("\n| rates, pilot | samples of each side | promised | at least | passed |\n|" + " --- |" * 5)
    for name, rates in (distributions | {"each ½": half}).items():
        for cases, pilot, drop in ((10, 2, 0.15), (10, 5, 0.15), (20, 2, 0.1), (30, 2, 0.05), (100, 3, 0.05)):
            print(f"| {name}, {planned_power(rates, cases, pilot, drop, draw, rounds)}", flush=True)


if __name__ == "__main__":
    main()
