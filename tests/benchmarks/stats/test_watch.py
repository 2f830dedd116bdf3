"""A watched series of rounds: when it is learned from, quiet or worse, and what is named then."""

import pytest

from benchmarks.report import SampleUsage
from benchmarks.stats.difference import Tally
from benchmarks.stats.watch import Round, round_of, watched
from tests.benchmarks.reports.reports_made import report_of

CASES = [f"case{number}" for number in range(20)]


def made(failing: int, **fields: object) -> Round:
    """A round in which the first cases fail."""
    tallies = {case: Tally(samples=1, passed=number >= failing) for number, case in enumerate(CASES)}
    one = Round(suite="s", digests={"suite": "1"}, tallies=tallies, model="m")
    return one.model_copy(update=fields)


QUIET = [made(number % 3) for number in range(25)]
WORSE = [made(9), made(9)]


def test_rounds_are_learned_from_until_there_are_enough() -> None:
    assert watched(QUIET[:1]).state == "learning"
    assert watched(QUIET[:20]).state == "learning"
    assert watched(QUIET[:21]).state == "quiet"


def test_worse_rounds_raise_an_alarm_that_names_cases_and_what_else_changed() -> None:
    now = {"tokens": 300, "model": "n", "cost_usd": 2.0, "latency_s": 4.5, "refusals": 3}
    slower = [one.model_copy(update=now) for one in WORSE]
    before = [one.model_copy(update={"tokens": 100, "cost_usd": 2.0, "latency_s": 1.5}) for one in QUIET]

    result = watched([*before, *slower])

    assert (result.state, result.score) == ("alarm", 11 / 20)
    assert result.reference == pytest.approx(0.95, abs=0.01)
    assert set(result.cases) == set(CASES[:9])
    assert result.moved == (
        "tokens: 100 → 300",
        "seconds of a call: 1.5 → 4.5",
        "refusals: 0 → 3",
        "model: m → n",
    )


def test_another_suite_judge_or_image_begins_a_new_reference() -> None:
    result = watched([*QUIET, made(9, digests={"suite": "2"})])

    assert (result.state, result.rounds, result.reference) == ("learning", 1, None)


def test_a_confirmed_alarm_is_told_once_and_what_follows_is_a_new_reference() -> None:
    confirmed = [*QUIET, made(9), made(9, confirms=True)]

    assert watched(confirmed).state == "alarm"
    assert (watched([*confirmed, made(9)]).state, watched([*confirmed, made(9)]).rounds) == ("learning", 1)


def test_an_alarm_that_a_fresh_round_refutes_leaves_the_reference() -> None:
    refuted = [*QUIET, made(9), made(0, confirms=True), made(0)]

    assert [watched(refuted[: number + 1]).state for number in (25, 26, 27)] == ["alarm", "quiet", "quiet"]
    assert watched(refuted).rounds == len(refuted)
    # What was refuted isn't forgotten: the next worse round is an alarm at once.
    assert watched([*refuted, made(9)]).state == "alarm"


def test_a_round_has_the_figures_of_its_report() -> None:
    report = report_of({"a": "p", "b": "f"}, cost=0.5, model="m").model_copy(
        update={
            "usage": (
                SampleUsage(id="a", sample=0, calls=2, input_tokens=7, output_tokens=3, call_s=5, refusals=1),
            )
        }
    )

    one = round_of(report, versions={"coder": "1"})

    assert one is not None
    assert (one.tokens, one.score, [*one.tallies]) == (10, 0.5, ["a", "b"])
    assert (one.latency_s, one.refusals) == (2.5, 1)


@pytest.mark.parametrize("letters", [{"a": "i"}, {"a": "p", "b": "i"}, {"a": "pi"}])
def test_a_run_of_which_samples_have_no_verdict_is_no_round(letters: dict[str, str]) -> None:
    assert round_of(report_of(letters), versions={}) is None


def test_many_confirming_rounds_are_read_in_one_pass() -> None:
    rounds = [*QUIET, *(made(9 * (number % 2), confirms=True) for number in range(60))]

    assert watched(rounds).rounds >= 1


def test_without_a_round_there_is_nothing_to_judge() -> None:
    with pytest.raises(ValueError, match="no round"):
        watched([])
