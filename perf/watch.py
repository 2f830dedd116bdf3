"""How seldom `coder bench watch` raises an alarm over an unchanged model, and how soon over a worse one.

    python -m perf.watch [--series 300]

The cases' rates are drawn once a series from Beta(½, ½), and each round has one sample a case.
"""

from argparse import ArgumentParser
from statistics import fmean, median

import numpy as np
from numpy.random import Generator

from benchmarks.stats.cusum import LIMIT, MIN_REFERENCE, cusum

LONGEST = 400


def first_alarm(cases: int, drop: float, draw: Generator, *, longest: int) -> int:
    """Return after how many rounds behind the reference the first alarm comes; `longest` if none does."""
    rates = draw.beta(0.5, 0.5, cases)
    worse = rates * max(0.0, 1 - drop / rates.mean())
    before = draw.binomial(1, rates, (MIN_REFERENCE, cases)).mean(axis=1)
    after = draw.binomial(1, worse, (longest, cases)).mean(axis=1)
    scores = [*map(float, before), *map(float, after)]
    sums = cusum(scores, [1 / cases] * len(scores)).sums[MIN_REFERENCE:]
    return next((number for number, total in enumerate(sums, 1) if total > LIMIT), longest)


def main() -> None:
    """Print a table."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=300)
    count = parser.parse_args().series
    print("| cases | quiet: alarm within 50 rounds | mean rounds to it | to -5 points, median | to -10 |")
    print("| --- | --- | --- | --- | --- |")
    for cases in (30, 100):
        draw = np.random.default_rng(70)
        quiet = [first_alarm(cases, 0.0, draw, longest=LONGEST) for _ in range(count)]
        # Waits are about exponential: those that are cut off count as waited for, and as no alarm.
        mean = fmean(quiet) * count / max(1, sum(wait < LONGEST for wait in quiet))
        delays = [
            median(first_alarm(cases, drop, draw, longest=100) for _ in range(count)) for drop in (0.05, 0.1)
        ]
        early = sum(wait <= 50 for wait in quiet) / count
        print(f"| {cases} | {100 * early:.0f} % | {mean:.0f} | {delays[0]:g} | {delays[1]:g} |", flush=True)


if __name__ == "__main__":
    main()
