"""How seldom `coder bench watch` raises an alarm over an unchanged model, and how soon over a worse one.

    python -m perf.watch [--series 300] [--limit 4] [--rate 0.9]

The cases' rates are equal, or drawn once a series from Beta(½, ½), and each round has one sample a case.

The series of a row are added up together, by NumPy: `sums_of` and `limit_of` do what `cusum` and
`alarm_limit` do for one series, with the same random numbers, and are compared with them in each row.
"""

from argparse import ArgumentParser
from functools import cache
from random import Random
from statistics import fmean, median

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.stats import alarm_limit as limits
from benchmarks.stats.cusum import _FARTHEST, MIN_REFERENCE, SLACK, cusum

LONGEST, SOON = 400, 100
RATES = (None, 0.5, 0.9, 0.99, 1.0)
"""Rate of each case; None: of each its own."""
Floats = NDArray[np.float64]


def sums_of(scores: Floats, resolution: float) -> Floats:
    """Return the sums of `cusum` behind the reference, of each series in a row."""
    series, length = scores.shape
    zeros = np.zeros((series, 1))
    of_scores, of_squares = (np.hstack([zeros, np.cumsum(each, axis=1)]) for each in (scores, scores**2))
    rows, n, total = np.arange(series), np.full(series, MIN_REFERENCE), np.zeros(series)
    sums = np.empty((series, length - MIN_REFERENCE))
    for number in range(MIN_REFERENCE, length):
        n = np.where(total == 0, number, n)
        mean = of_scores[rows, n] / n
        variance = (of_squares[rows, n] - of_scores[rows, n] * mean) / (n - 1)
        variance = np.maximum(variance, (resolution / 2) ** 2)
        t = (scores[:, number] - mean) / np.sqrt(variance * (n + 1) / n)
        total = np.maximum(0.0, total - np.clip(_normal_values(t, n - 1), -_FARTHEST, _FARTHEST) - SLACK)
        sums[:, number - MIN_REFERENCE] = total
    return sums


def _normal_values(t: Floats, degrees: NDArray[np.int_]) -> Floats:
    root: Floats = np.sqrt(degrees * np.log1p(t * t / degrees))
    return np.copysign((8 * degrees + 1) / (8 * degrees + 3) * root, t)


@cache
def _randoms() -> Floats:
    """Return the random numbers of each limit: all limits are found with the same ones."""
    draw = Random(limits._SEED)
    length = MIN_REFERENCE + limits._LONGEST
    return np.array([[draw.random() for _ in range(length)] for _ in range(limits._SERIES)])


@cache
def limit_of(passed: tuple[int, ...]) -> float:
    """Return the limit of `alarm_limit` for a reference of one sample a round."""
    cumulated = np.cumsum(limits.passes_of_round(passed, MIN_REFERENCE))
    passes = np.searchsorted(cumulated[:-1], _randoms() * cumulated[-1], side="right")
    highest = np.maximum.accumulate(sums_of(passes / len(passed), 1 / len(passed)), axis=1)
    low, high = limits._LEAST_LIMIT, limits._LARGEST_LIMIT
    while high - low > limits._STEP / 4:
        middle = (low + high) / 2
        low, high = (middle, high) if _mean_wait(highest, middle) < limits.QUIET_ROUNDS else (low, middle)
    return round(float(np.ceil(high / limits._STEP)) * limits._STEP, 1)


def _mean_wait(sums: Floats, limit: float) -> float:
    waits, are_alarms = _first_alarms(sums, limit)
    return float(waits.sum() / max(1, are_alarms.sum()))


def _first_alarms(sums: Floats, limit: Floats | float) -> tuple[NDArray[np.int_], NDArray[np.bool_]]:
    """Return after how many rounds each series is above its limit first, and whether it ever is."""
    above = sums > np.reshape(limit, (-1, 1))
    are_alarms: NDArray[np.bool_] = np.any(above, axis=1)
    return np.where(are_alarms, np.argmax(above, axis=1) + 1, sums.shape[1]), are_alarms


def waits(
    cases: int, rate: float | None, draw: Generator, limit: float | None, series: int
) -> list[list[int]]:
    """Return for 0, 5 and 10 points less after how many rounds the first alarm of each series comes.

    LONGEST or SOON if none does.
    """
    rates = draw.beta(0.5, 0.5, (series, 1, cases)) if rate is None else np.full((series, 1, cases), rate)
    reference = draw.binomial(1, np.broadcast_to(rates, (series, MIN_REFERENCE, cases)))
    passed = [tuple(sorted(map(int, each))) for each in reference.sum(axis=1)]
    of_series = np.array([limit_of(each) if limit is None else limit for each in passed])
    if limit is None and of_series[0] != (expected := limits.alarm_limit(passed[0], MIN_REFERENCE)):
        raise SystemExit(f"A limit is {of_series[0]} here, and {expected} by alarm_limit.")
    firsts = []
    for drop, longest in ((0.0, LONGEST), (0.05, SOON), (0.1, SOON)):
        worse = rates * np.maximum(0.0, 1 - drop / rates.mean(axis=2, keepdims=True))
        after = draw.binomial(1, np.broadcast_to(worse, (series, longest, cases)))
        scores = np.concatenate([reference, after], axis=1).mean(axis=2)
        sums = sums_of(scores, 1 / cases)
        if not np.allclose(
            sums[0], cusum(scores[0].tolist(), [1 / cases] * len(scores[0])).sums[MIN_REFERENCE:]
        ):
            raise SystemExit("A sum differs from that of cusum.")
        firsts.append(_first_alarms(sums, of_series)[0].tolist())
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
            quiet, *worse = waits(cases, rate, np.random.default_rng(70), options.limit, options.series)
            # Waits are about exponential: those that are cut off count as waited for, and as no alarm.
            alarms = sum(wait < LONGEST for wait in quiet)
            mean = f"{fmean(quiet) * len(quiet) / alarms:.0f}" if alarms else "none"
            early = sum(wait <= 50 for wait in quiet) / len(quiet)
            delays = " | ".join(f"{median(each):g}" for each in worse)
            name = "Beta(½, ½)" if rate is None else f"{rate:g}"
            print(f"| {name} | {cases} | {100 * early:.0f} % | {mean} | {delays} |", flush=True)


if __name__ == "__main__":
    main()
