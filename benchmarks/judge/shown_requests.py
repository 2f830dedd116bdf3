"""Find a request whose answer a test takes as it takes many others, unlike the case's own answer there."""

from collections.abc import Iterator, Mapping
from itertools import chain
from math import comb

from benchmarks.judge.own_runs import OwnRuns
from sandbox.verdicts.run_report import RunReport

CHANCE = 0.05
"""Probability of as few failures, with the least share, below which a pass shows less."""
LEAST_SHARE, LEAST_OF_TEXTS = 0.25, 0.05
"""Share of changes that have to fail a test, as a part of the share with the case's own answer: for texts,
which say more or less, it is lower."""
_LEAST_OF_ONE, _LEAST_OF_ONE_TEXT = 0.125, 0.025
"""So, for one request, of which more changes are made: a right answer may hold more items or words."""
_LEAST_RUNS, _LEAST_FAILURES = 40, 3
"""Runs, or failures, of one request that tell its share."""
_LEAST_SWAPS = 2
"""Swaps that have to fail with the case's own answer; of all answers, as a right one may hold all others."""
_SWAP_CHANCE = 0.02
"""Probability, by Fisher's exact test, below which fewer swaps fail than with the case's own answer."""
_LEAST_ANSWERS = 3
"""Different answers of the case's own to the calls of a function that always gives the same."""

_PARTS = ("value", "changes", "printed")
"""What a test sees of an answer."""
Shares = Mapping[str, tuple[int, int]]
"""By what was changed: runs, and those in which a test failed."""


def probability_of_at_most(count: int, tries: int, share: float) -> float:
    """Return the cumulative probability of a binomial distribution."""
    return sum(comb(tries, k) * share**k * (1 - share) ** (tries - k) for k in range(count + 1))


def probability_of_fewer(count: int, tries: int, other_count: int, other_tries: int) -> float:
    """Return the one-sided probability of Fisher's exact test that as few of the first tries count."""
    total, counts = tries + other_tries, count + other_count
    ways = (
        comb(tries, k) * comb(other_tries, counts - k) for k in range(max(0, counts - other_tries), count + 1)
    )
    return sum(ways) / comb(total, counts)


def find_untold(report: RunReport, own: OwnRuns, own_shares: Shares) -> str:
    """Return which answer shows less than the case's own, and why; "" if each shows as much.

    `own_shares`: `RunReport.counter_trials` of the case's own answer.
    """
    found = chain(
        _unchanged(report, own_shares),
        _cut(report, own),
        _swapped(report, own, own_shares),
        _constant(report, own.answers, own_shares),
    )
    return next(found, "")


def is_told_by_request(report: RunReport, own: Shares) -> bool:
    """Whether the values of all requests that differ were changed one by one, often enough to tell."""
    names = {f"value {key.partition(':')[0]}" for key in report.other_exchanges}
    shares = [each.get(name, (0, 0)) for name in names for each in (report.counter_trials, own)]
    return all(tried >= _LEAST_RUNS or failed >= _LEAST_FAILURES for tried, failed in shares)


def _unchanged(report: RunReport, own: Shares) -> Iterator[str]:
    for part in _PARTS:
        for request, (tried, failed) in _of(report.counter_trials, part):
            own_tried, own_failed = own.get(f"{part} {request}", (0, 0))
            is_text = part == "printed" or any("T" in letters for letters in _letters(report, request))
            share = (_LEAST_OF_ONE_TEXT if is_text else _LEAST_OF_ONE) * own_failed / max(own_tried, 1)
            if probability_of_at_most(failed, tried, share) < CHANCE:
                shares = f"{failed} of {tried} other answers there, and {own_failed} of {own_tried}"
                yield f"{_text(report, request)}; its test fails {shares} with the case's own answer"


def _cut(report: RunReport, own: OwnRuns) -> Iterator[str]:
    """Yield an answer of fewer items, or lines by which fewer assertions ran, if less would do, too."""
    for kind, items in (("cut", "items"), ("end", "lines")):
        for request, (tried, failed) in _of(report.counter_trials, kind):
            least, most = own.sizes.get(request, (0, 0))
            is_less = report.sizes.get(request, 0) < least == most and failed < tried
            if is_less and (kind == "cut" or own.reached_less(report)):
                text = f"{_text(report, request)}, fewer {items} than the case's own answer"
                yield f"{text}; its test passes with less, too"


def _swapped(report: RunReport, own: OwnRuns, own_shares: Shares) -> Iterator[str]:
    """Yield an answer that would do for other calls, too, or more often than the case's own answer would.

    One of more items may hold all that others ask for.
    """
    swaps = dict(_of(report.counter_trials, "swap"))
    own_swaps = {request: own_shares.get(f"swap {request}", (0, 0)) for request in swaps}
    tried, failed = map(sum, zip(*swaps.values(), strict=True)) if swaps else (0, 0)
    own_failed = sum(share[1] for share in own_swaps.values())
    are_like = all(swaps[request][0] == own_swaps[request][0] for request in swaps)
    if not are_like or own_failed < _LEAST_SWAPS:
        return
    first = next(filter(None, report.other_exchanges.values()), "a call gave another answer")
    is_larger = any(report.sizes.get(one, 0) > own.sizes.get(one, (0, 0))[1] for one in swaps)
    if not failed:
        yield f"{first}; its test takes each of its answers for other calls, too"
    elif not is_larger and probability_of_fewer(failed, tried, own_failed, tried) < _SWAP_CHANCE:
        shares = f"{failed} of {tried} of its answers for other calls, and {own_failed} of {tried}"
        yield f"{first}; its test fails {shares} with the case's own answer"


def _constant(report: RunReport, own_answers: Mapping[str, set[str]], own: Shares) -> Iterator[str]:
    """Yield a function's only answer, where the case's own answer gives several."""
    own_calls = {request: answers for request, answers in own_answers.items() if request.startswith("call-")}
    calls = {key.partition(":")[0]: key.partition(":")[2] for key in report.other_exchanges if _is_call(key)}
    given = {*calls.values()}.union(*(own_calls[one] for one in own_calls.keys() - calls.keys()))
    stable = (own_calls[request] for request in calls if len(own_calls.get(request, ())) == 1)
    several = set[str]().union(*stable)
    if len(given) == 1 and not set("rela") & set(next(iter(given)).rpartition(":")[2]):
        has_failed = any(failed for _, (_, failed) in _of(own, "swap"))
        if len(several) >= _LEAST_ANSWERS or (has_failed and len(several) > 1):
            yield f"{_text(report, next(iter(calls)))}, as it does to all calls"


def _is_call(key: str) -> bool:
    return key.startswith("call-")


def _of(shares: Shares, what: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the shares of each request by a kind of change."""
    for name, share in shares.items():
        kind, _, request = name.partition(" ")
        if kind == what and request:
            yield request, share


def _letters(report: RunReport, request: str) -> Iterator[str]:
    return (key.rpartition(":")[2] for key in report.other_exchanges if key.startswith(f"{request}:"))


def _text(report: RunReport, request: str) -> str:
    texts = (text for key, text in report.other_exchanges.items() if key.startswith(f"{request}:"))
    return next(filter(None, texts), "a call gave another answer")
