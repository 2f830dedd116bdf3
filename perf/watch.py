"""How seldom `coder bench watch` raises an alarm over an unchanged model, and how soon over a worse one.

    python -m perf.watch [--series 300] [--limit 4] [--rate 0.9]

The cases' rates are equal, or drawn once a series from Beta(½, ½), and each round has one sample a case.
"""

from argparse import ArgumentParser
from statistics import fmean, median

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.stats.alarm_limit import alarm_limit
from benchmarks.stats.cusum import MIN_REFERENCE, cusum

LONGEST, SOON = 400, 100
RATES = (None, 0.5, 0.9, 0.99, 1.0)
"""Rate of each case; None: of each its own."""


def waits(cases: int, rate: float | None, draw: Generator, limit: float | None) -> list[int]:
    """Return after how many rounds behind a reference the first alarm comes, at 0, 5 and 10 points less.

    LONGEST or SOON if none does.
    """
    rates = draw.beta(0.5, 0.5, cases) if rate is None else np.full(cases, rate)
    reference = draw.binomial(1, rates, (MIN_REFERENCE, cases))
    if limit is None:
        limit = alarm_limit(tuple(sorted(map(int, reference.sum(axis=0)))), MIN_REFERENCE)
    firsts = []
    for drop, longest in ((0.0, LONGEST), (0.05, SOON), (0.1, SOON)):
        worse: NDArray[np.float64] = rates * max(0.0, 1 - drop / rates.mean())
        after = draw.binomial(1, worse, (longest, cases))
        scores = [float(score) for rounds in (reference, after) for score in rounds.mean(axis=1)]
        sums = cusum(scores, [1 / cases] * len(scores)).sums[MIN_REFERENCE:]
        firsts.append(next((number for number, total in enumerate(sums, 1) if total > limit), longest))
    return firsts


def main() -> None:
    """Print a table."""
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--series", type=int, default=300)
    parser.add_argument("--limit", type=float, help="one limit for all, instead of one by the reference")
    parser.add_argument("--rate", type=float, action="append", help="only these rates")
    options = parser.parse_args()
    print(
        "| rates | cases | alarm within 50 quiet rounds | mean rounds to it | to -5 points, median | to -10 |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for rate in options.rate or RATES:
        for cases in (30, 100):
            draw = np.random.default_rng(70)
            series = [waits(cases, rate, draw, options.limit) for _ in range(options.series)]
            quiet, *worse = map(list, zip(*series, strict=True))
            # Waits are about exponential: those that are cut off count as waited for, and as no alarm.
            alarms = sum(wait < LONGEST for wait in quiet)
            mean = f"{fmean(quiet) * len(quiet) / alarms:.0f}" if alarms else "none"
            early = sum(wait <= 50 for wait in quiet) / len(quiet)
            delays = " | ".join(f"{median(each):g}" for each in worse)
            name = "Beta(½, ½)" if rate is None else f"{rate:g}"
            print(f"| {name} | {cases} | {100 * early:.0f} % | {mean} | {delays} |", flush=True)


if __name__ == "__main__":
    main()
