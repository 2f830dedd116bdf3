"""Weigh a pass by what its tests say to other answers, where the answer isn't the case's own.

An answer that gives what the case's own gives, call by call, is as right as that. For any other pass, tests
run again on the recorded answers with one of them, or a constant of the test, changed: they have to fail
about as often as with the case's own answer. That answer is the measure for lines that run, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import comb

from sandbox.verdicts.run_report import RunReport

_LEAST_SHARES = {"values": 0.25, "errors": 0.05, "constants": 0.25}
"""Share of changes that have to fail a test, as a part of the share with the case's own answer, by what is
changed: texts say more or less."""
_CHANCE = 0.05
"""Probability of as few failures, with that share, below which a pass shows less."""
_LEAST_RUNS = 20
"""Runs after which a test of which none failed can't tell answers apart."""
_CHANGED = {"values": "changed answers", "errors": "changed messages", "constants": "changed constants of it"}


@dataclass(frozen=True, slots=True)
class OwnRuns:
    """Runs of the case's own answer."""

    reports: tuple[RunReport, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How often each exchange took place: the most of any run."""
        return {
            key: max(report.given.get(key, 0) for report in self.reports)
            for report in self.reports
            for key in report.given
        }

    @property
    def varies(self) -> bool:
        """Whether exchanges differ among the runs, as by chance."""
        first, *others = self.reports
        return any(other.given != first.given for other in others)

    def letters(self, request: str) -> str:
        """Return what the answers to a request are, as `Exchanged.answer` ends; of all if it is unknown."""
        known = [key for key in self.counts if key.startswith(f"{request}:")]
        return "".join(map(_letters, known or self.counts))


def requests_of(report: RunReport) -> frozenset[str]:
    """Return the requests whose answers differ."""
    return frozenset(key.partition(":")[0] for key in report.other_exchanges)


def find_nothing_shown(
    report: RunReport, own: OwnRuns, own_changed: Mapping[str, tuple[int, int]], tests: Sequence[str]
) -> str:
    """Return why a pass shows less than one of the case's own answer; "" if it shows as much.

    Args:
        own_changed: `RunReport.counter_trials` of the case's own answer, at the same requests.
    """
    if not (report.other_exchanges or report.fewer_exchanges):
        return ""
    if text := _unreached(report, own, tests) or _unlike(report, own):
        return f"it passed, and {text}"
    are_texts = all(set("Tr") & set(_letters(key)) for key in report.other_exchanges)
    text = next(filter(None, report.other_exchanges.values()), "it gave less")
    if report.evaluated - frozenset().union(*(one.evaluated for one in own.reports)):
        return f"it passed, and {text}, unlike the case's own answer; its test makes code of that"
    for what, (tried, failed) in report.counter_trials.items():
        own_tried, own_failed = own_changed.get(what, (0, 0))
        is_blind = what == "values" and not own_failed + failed and min(tried, own_tried) >= _LEAST_RUNS
        least = (
            _LEAST_SHARES["errors" if what == "values" and are_texts else what] if what != "nothing" else 0
        )
        share = least * own_failed / max(own_tried, 1)
        if is_blind or _probability_of_at_most(failed, tried, share) < _CHANCE:
            shares = f"{failed} of {tried} {_CHANGED[what]}, and {own_failed} of {own_tried} with that answer"
            return f"it passed, and {text}, unlike the case's own answer; its test fails {shares}"
    return ""


def _probability_of_at_most(count: int, tries: int, share: float) -> float:
    """Return the cumulative probability of a binomial distribution."""
    return sum(comb(tries, k) * share**k * (1 - share) ** (tries - k) for k in range(count + 1))


def find_blindness(own: RunReport) -> str:
    """Return which changed answers of the case's own pass its test, as it can't tell them apart; else ""."""
    tried, failed = own.counter_trials.get("values", (0, 0))
    if tried < _LEAST_RUNS or failed or "errors" in own.counter_trials:
        return ""
    return "changed answers of its own" if own.counter_trials.get("nothing") == (1, 0) else ""


def _unreached(report: RunReport, own: OwnRuns, tests: Sequence[str]) -> str:
    for counts, own_counts in (
        (report.lines, [one.lines for one in own.reports]),
        (report.items, [one.items for one in own.reports]),
    ):
        for number, lines in counts.items():
            missed = [
                line
                for line, count in lines.items()
                if count == 0 and all(one.get(number, {}).get(line, 0) > 0 for one in own_counts)
            ]
            if missed:
                return f"nothing came to an assertion of the test: {_line(tests[number], min(missed))}"
    return ""


def _unlike(report: RunReport, own: OwnRuns) -> str:
    """Return which answer is of a kind that the case's own answer doesn't give there."""
    if not report.other_exchanges:
        return "" if own.varies else "it gave less than the case's own answer"
    are_arguments = True
    for key, text in report.other_exchanges.items():
        letters, own_letters = set(_letters(key)), set(own.letters(key.partition(":")[0]))
        are_arguments = are_arguments and "a" in letters and "a" not in own_letters
        for letter in sorted(letters & set(_UNLIKE) - own_letters):
            if own_letters & _UNLESS[letter][0] and not own_letters & _UNLESS[letter][1]:
                return f"{text or 'a call gave something'}, where the case's own answer {_UNLIKE[letter]}"
        if own_letters == {"r"} and "r" not in letters:
            return f"{text or 'a call returned'}, where the case's own answer raises an error"
    first = next(filter(None, report.other_exchanges.values()), "a call gave a value")
    return f"{first}, which is its argument" if are_arguments else ""


_KINDS = dict.fromkeys("NTC", "gives another kind of value")
_UNLIKE = {"r": "returns a value", "e": "gives something", "n": "gives a number", **_KINDS}
"""What the case's own answer does, by letters of another answer that it doesn't have."""
_ANY = set("NTCez")
_UNLESS = {
    "r": (_ANY, set()),
    "e": (set("TC"), set("zl")),
    "n": (_ANY, set()),
    **dict.fromkeys("NTC", (set("NTC"), set())),
}
"""Letters of which the case's own answer has to have one, and those that it mustn't have: an answer that
changes its argument may return nothing."""


def _letters(key: str) -> str:
    return key.rpartition(":")[2]


def _line(test: str, number: int) -> str:
    return test.splitlines()[number - 1].strip()
