"""Weigh a pass by what its tests say to other answers, where the answer isn't the case's own.

An answer that gives what the case's own gives, call by call, is as right as that. For any other pass, tests
run again on the recorded answers with one of them, or a constant of the test, changed: they have to fail
about as often as with the case's own answer. That answer is the measure for lines that run, too.
"""

from collections.abc import Collection, Mapping, Sequence

from benchmarks.judge.own_runs import OwnRuns, error_classes, error_of, letters_of, request_of
from benchmarks.judge.shown_requests import (
    CHANCE,
    LEAST_OF_TEXTS,
    LEAST_SHARE,
    find_untold,
    is_told_by_request,
    probability_of_at_most,
)
from sandbox.verdicts.run_report import RunReport

_LEAST_SHARES = {"values": LEAST_SHARE, "errors": LEAST_OF_TEXTS, "constants": LEAST_SHARE}
_LEAST_RUNS = 20
"""Runs after which a test of which none failed can't tell answers apart."""
_CHANGED = {"values": "changed answers", "errors": "changed messages", "constants": "changed constants of it"}


def requests_of(report: RunReport) -> frozenset[str]:
    """Return the requests whose answers differ."""
    return frozenset(map(request_of, report.other_exchanges))


def find_nothing_shown(
    report: RunReport,
    own: OwnRuns,
    own_changed: Mapping[str, tuple[int, int]],
    tests: Sequence[str],
    *,
    may_be_blind: bool = False,
) -> str:
    """Return why a pass shows less than one of the case's own answer; "" if it shows as much.

    Args:
        own_changed: `RunReport.counter_trials` of the case's own answer, at the same requests.
        may_be_blind: whether no change there needs to fail a test, as others do.
    """
    if not (report.other_exchanges or report.fewer_exchanges):
        return ""
    if text := _unreached(report, own, tests) or _unlike(report, own):
        return f"it passed, and {text}"
    are_texts = all(set("Tr") & set(letters_of(key)) for key in report.other_exchanges)
    text = next(filter(None, report.other_exchanges.values()), "it gave less")
    if report.evaluated - own.evaluated:
        return f"it passed, and {text}, unlike the case's own answer; its test makes code of that"
    for what, least in _LEAST_SHARES.items():
        tried, failed = report.counter_trials.get(what, (0, 0))
        own_tried, own_failed = own_changed.get(what, (0, 0))
        is_blind = False
        if what == "values":
            is_blind = not (may_be_blind or own_failed + failed) and min(tried, own_tried) >= _LEAST_RUNS
            least = LEAST_OF_TEXTS if are_texts else least
            least = 0.0 if is_told_by_request(report, own_changed) else least
        share = least * own_failed / max(own_tried, 1)
        if is_blind or probability_of_at_most(failed, tried, share) < CHANCE:
            shares = f"{failed} of {tried} {_CHANGED[what]}, and {own_failed} of {own_tried} with that answer"
            return f"it passed, and {text}, unlike the case's own answer; its test fails {shares}"
    untold = find_untold(report, own, own_changed)
    return f"it passed, and {untold}" if untold else ""


def find_blindness(own: RunReport) -> str:
    """Return which changed answers of the case's own pass its test, as it can't tell them apart; else ""."""
    tried, failed = own.counter_trials.get("values", (0, 0))
    if tried < _LEAST_RUNS or failed or "errors" in own.counter_trials:
        return ""
    return "changed answers of its own" if own.counter_trials.get("nothing") == (1, 0) else ""


def _unreached(report: RunReport, own: OwnRuns, tests: Sequence[str]) -> str:
    for counts, own_counts in (
        (report.lines, own.lines),
        (report.items, own.items),
    ):
        for number, lines in counts.items():
            missed = [
                line
                for line, count in lines.items()
                if _is_missed(count, min(one.get(number, {}).get(line, 0) for one in own_counts), own)
            ]
            if missed:
                few = "nothing" if lines[min(missed)] == 0 else "little"
                return f"{few} came to an assertion of the test: {_line(tests[number], min(missed))}"
    return ""


def _is_missed(count: int, own_count: int, own: OwnRuns) -> bool:
    """Whether a line ran too rarely: where answers may be objects, half as often as with the own one."""
    return count < own_count / 2 if own.has_objects else count == 0 < own_count


def _unlike(report: RunReport, own: OwnRuns) -> str:
    """Return which answer is of a kind that the case's own answer doesn't give there."""
    if not report.other_exchanges:
        return "" if own.varies else "it gave less than the case's own answer"
    tried, failed = report.counter_trials.get("kinds", (0, 0))
    are_arguments = True
    for key, text in report.other_exchanges.items():
        letters, own_letters = set(letters_of(key)), own.letters(request_of(key))
        are_arguments = are_arguments and "a" in letters and "a" not in own_letters
        for letter in sorted(letters & set(_UNLIKE) - own_letters):
            if own_letters & _UNLESS[letter][0] and not own_letters & _UNLESS[letter][1]:
                return f"{text or 'a call gave something'}, where the case's own answer {_UNLIKE[letter]}"
        if ("m" in letters and letters & _DATA) or ("m" in own_letters and "o" in letters):
            return f"{text or 'a module has other data'}, unlike the case's own answer, and the test reads it"
        counts, own_counts = letters & _COUNTS, own_letters & _COUNTS
        if counts and own_counts and max(counts) > max(own_counts) > "0":
            return f"{text or 'a call gave an object'}, which is of more classes than the case's own answer's"
        if failed < tried and _is_stumble(key, own.errors(request_of(key))):
            return f"{text or 'a call raised an error'}, where the case's own answer raises another error"
        if own_letters == {"r"} and "r" not in letters:
            return f"{text or 'a call returned'}, where the case's own answer raises an error"
    first = next(filter(None, report.other_exchanges.values()), "a call gave a value")
    return f"{first}, which is its argument" if are_arguments else ""


_KINDS = dict.fromkeys("NTC", "gives another kind of value")
_UNLIKE = {
    "r": "returns a value",
    "e": "gives something",
    "n": "gives a number",
    "i": "gives a finite number",
    "s": "holds no object twice",
    "g": "gives a new object",
    "w": "gives a class of its own",
    **_KINDS,
}
"""What the case's own answer does, by letters of another answer that it doesn't have."""
_DATA = set("NTCez")
_COUNTS = set("0123456789")
"""Letters of objects: of how many of the classes that the test knows they are."""
_UNLESS = {
    "r": (_DATA, set()),
    "e": (set("TC"), set("zl")),
    **dict.fromkeys("nisg", (_DATA, set())),
    **dict.fromkeys("NTC", (set("NTC"), set())),
    "w": (set("k"), set()),
}
"""Letters of which the case's own answer has to have one, and those that it mustn't have: an answer that
changes its argument may return nothing."""


def _is_stumble(key: str, own_errors: Collection[type]) -> bool:
    """Whether no statement raised the error, and its class and those of the case's own answer differ."""
    pairs = [(error, own_error) for error in error_classes(key) for own_error in own_errors]
    is_like = any(issubclass(a, b) or issubclass(b, a) for a, b in pairs)
    return bool(pairs) and not is_like and not error_of(key).startswith("raise ")


def _line(test: str, number: int) -> str:
    return test.splitlines()[number - 1].strip()
