"""Find the limit of a watch's CUSUM by simulation from its reference.

Near 100 % scores are skewed, so that one limit for all suites raises alarms twice as often there. The limit
is the one above which the sum of an unchanged suite rises once in 200 rounds on average.
"""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from math import ceil, exp, lgamma, log, log1p, sqrt
from random import Random

from benchmarks.stats.cusum import MIN_REFERENCE, cusum

QUIET_ROUNDS = 200
"""Mean number of rounds of an unchanged suite until the sum is above the limit."""
_SERIES, _LONGEST, _SEED = 600, 400, 70
_LEAST_LIMIT, _LARGEST_LIMIT, _STEP = 1.0, 60.0, 0.1
_LEAST_FAILED = 0.35
"""Failed samples of a round that are assumed at least: 20 rounds tell little of rarer ones, and the limit is
lower for them. With the limit of this rate there are 200 quiet rounds or more at any (`perf.watch`)."""
_NEGLIGIBLE = 1e-12

Record = tuple[float, int]
"""Sum above all before it, and the number of its round."""


@lru_cache
def alarm_limit(passed: tuple[int, ...], samples: int) -> float:
    """Return the limit for a suite, by the samples that passed in its reference.

    Args:
        passed: of each case, over all rounds of the reference.
        samples: of each case, as many as can pass.
    """
    records = _records(passes_of_round(passed, samples))
    low, high = _LEAST_LIMIT, _LARGEST_LIMIT
    while high - low > _STEP / 4:
        middle = (low + high) / 2
        low, high = (middle, high) if _mean_wait(records, middle) < QUIET_ROUNDS else (low, middle)
    return round(ceil(high / _STEP) * _STEP, 1)


def passes_of_round(passed: Sequence[int], samples: int) -> list[float]:
    """Return the probabilities of 0, 1, 2, … passes in a round of a suite, by its reference."""
    of_round = samples / MIN_REFERENCE
    failed = sum(samples - count for count in passed) / MIN_REFERENCE
    added = max(0.0, _LEAST_FAILED - failed) / (of_round * len(passed))
    probabilities = [1.0]
    likely = likely_rates(passed, samples)
    for count, cases in Counter(passed).items():
        rate = min(1.0, max(0.0, likely[count] - added))
        probabilities = _convolved(probabilities, _binomial(round(of_round * cases), rate))
    return probabilities


def likely_rates(passed: Sequence[int], samples: int) -> dict[int, float]:
    """Return the likely rate of a case by its number of passes.

    A part of what shares of passes differ is chance, and rates that differ as much would vary less together,
    and be less skewed, than the suite: they are drawn to their mean until they differ as rates do.
    """
    shares = {count: count / samples for count in passed}
    mean = sum(passed) / (samples * len(passed))
    spread = sum((shares[count] - mean) ** 2 for count in passed) / len(passed)
    by_chance = sum(shares[count] * (1 - shares[count]) for count in passed) / (len(passed) * (samples - 1))
    kept = sqrt(max(0.0, 1 - by_chance / spread)) if spread else 0.0
    return {count: mean + kept * (share - mean) for count, share in shares.items()}


def _records(probabilities: Sequence[float]) -> list[list[Record]]:
    """Return the records of the sums of simulated series, each with a reference of its own.

    Args:
        probabilities: of 0, 1, 2, … passes in a round.
    """
    most, length = len(probabilities) - 1, MIN_REFERENCE + _LONGEST
    draw, cumulated = Random(_SEED), [*accumulate(probabilities)]
    scores = [passes / most for passes in range(most + 1)]
    records = []
    for _ in range(_SERIES):
        series = draw.choices(scores, cum_weights=cumulated, k=length)
        sums = cusum(series, [1 / most] * length).sums[MIN_REFERENCE:]
        highest, of_series = 0.0, list[Record]()
        for number, total in enumerate(sums, 1):
            if total > highest:
                highest = total
                of_series.append((total, number))
        records.append(of_series)
    return records


def _mean_wait(records: Sequence[Sequence[Record]], limit: float) -> float:
    """Return the mean number of rounds until a sum is above the limit.

    Waits are about exponential: a series without an alarm counts as waited for, and as no alarm.
    """
    waits = [next((number for total, number in each if total > limit), None) for each in records]
    alarms = sum(wait is not None for wait in waits)
    return sum(_LONGEST if wait is None else wait for wait in waits) / max(1, alarms)


def _binomial(count: int, rate: float) -> list[float]:
    """Return the probabilities of 0 to `count` passes; those that are negligible are 0."""
    if rate in (0.0, 1.0):
        return [float(passes == count * rate) for passes in range(count + 1)]
    logs = (
        lgamma(count + 1)
        - lgamma(passes + 1)
        - lgamma(count - passes + 1)
        + passes * log(rate)
        + (count - passes) * log1p(-rate)
        for passes in range(count + 1)
    )
    return [_significant(exp(value)) for value in logs]


def _convolved(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Return the probabilities of the sum of two numbers."""
    result = [0.0] * (len(first) + len(second) - 1)
    others = [(number, value) for number, value in enumerate(second) if value]
    for number, probability in enumerate(first):
        if probability:
            for other, value in others:
                result[number + other] += probability * value
    return [_significant(probability) for probability in result]


def _significant(probability: float) -> float:
    return probability if probability > _NEGLIGIBLE else 0.0
