"""Plans: how many samples a comparison needs, and whether it then has the power that was promised."""

from collections.abc import Callable
from random import Random

import pytest

from benchmarks.report import Report, Times
from benchmarks.stats.difference import Tally, difference_of
from benchmarks.stats.plan import SamplePlan, likely_variances, plan, samples_for
from tests.benchmarks.reports.reports_made import report_of

RATES = [number / 40 for number in range(41)]
NAMES = [f"case{number}" for number in range(41)]


def drawn(samples: int, draw: Random) -> list[str]:
    return ["".join("p" if draw.random() < rate else "f" for _ in range(samples)) for rate in RATES]


def report(samples: int, *, cost: float | None = None) -> Report:
    letters = {f"case{number}": each for number, each in enumerate(drawn(samples, Random(samples)))}
    return report_of(letters, cost=cost)


def test_a_plan_has_about_the_power_that_it_promises() -> None:
    planned = plan(NAMES, [report(20)], drop=0.08, power=0.8)
    draw, passed = Random(7), 0
    assert planned.samples is not None
    for _ in range(400):
        sides = [
            [Tally(samples=planned.samples, passed=each.count("p")) for each in drawn(planned.samples, draw)]
            for _ in range(2)
        ]
        passed += difference_of([*zip(*sides, strict=True)]).interval(0.9)[0] > -0.08

    assert planned.source == "samples"
    assert 0.76 <= passed / 400 <= 0.9  # samples are whole, so that the power is a little more


def test_plans_by_small_pilots_keep_their_promise_in_the_mean() -> None:
    draw, passed, rounds = Random(3), 0, 400
    for _ in range(rounds):
        pilot = [Tally(samples=2, passed=each.count("p")) for each in drawn(2, draw)]
        samples = samples_for(len(RATES), likely_variances(pilot)[0], 0.1, 0.8, 0.05) or 0
        sides = [
            [Tally(samples=samples, passed=each.count("p")) for each in drawn(samples, draw)]
            for _ in range(2)
        ]
        passed += difference_of([*zip(*sides, strict=True)]).interval(0.9)[0] > -0.1

    assert 0.76 <= passed / rounds <= 0.88  # samples are whole, so that the power is a little more


def kept(rate: Callable[[], float], pilot: int, *, rounds: int = 1500) -> tuple[float, float, float]:
    """Power promised by pilots of ten cases, promised at least, and share of unchanged agents that pass."""
    names, plans = [f"c{number}" for number in range(10)], dict[tuple[int, ...], SamplePlan]()
    draw, promised, least, passed = Random(11), 0.0, 0.0, 0
    for _ in range(rounds):
        rates = [rate() for _ in names]
        counts = tuple(sum(draw.random() < each for _ in range(pilot)) for each in rates)
        alike = tuple(sorted(min(count, pilot - count) for count in counts))
        if alike not in plans:
            letters = {
                name: "p" * count + "f" * (pilot - count) for name, count in zip(names, alike, strict=True)
            }
            plans[alike] = plan(names, [report_of(letters)], drop=0.15, power=0.8)
        number = plans[alike].samples or 0
        sides = [
            [Tally(samples=number, passed=sum(draw.random() < each for _ in range(number))) for each in rates]
            for _ in range(2)
        ]
        promised += plans[alike].expected_power or 0.0
        least += plans[alike].least_power or 0.0
        passed += difference_of([*zip(*sides, strict=True)]).interval(0.9)[0] > -0.15
    return promised / rounds, least / rounds, passed / rounds


@pytest.mark.slow
@pytest.mark.parametrize("pilot", [2, 5])
def test_plans_by_pilots_of_ten_cases_keep_their_promise(pilot: int) -> None:
    draw = Random(5)
    for rate in (lambda: draw.betavariate(0.5, 0.5), lambda: draw.betavariate(4, 1), lambda: 0.9):
        promised, _, passed = kept(rate, pilot)

        assert abs(passed - promised) <= 0.04


def test_where_two_samples_of_few_cases_leave_much_open_a_plan_says_the_least_power() -> None:
    promised, least, passed = kept(lambda: 0.5, 2)

    # Pilots that happen to agree ask for too few samples, and no other asks for more than suffice anyway.
    assert promised - 0.1 < passed < promised
    assert abs(passed - least) < 0.05


def test_no_pilot_asks_for_more_samples_than_suffice_for_any_rates() -> None:
    names = [f"c{number}" for number in range(10)]
    disagreeing = report_of(dict.fromkeys(names, "pf"))

    assert (
        plan(names, [disagreeing], drop=0.15, power=0.8).samples
        == plan(names, [], drop=0.15, power=0.8).samples
    )


def test_samples_are_whole_and_a_plan_says_the_power_that_they_have() -> None:
    planned = plan([f"c{i}" for i in range(100)], [report_of({"c1": "pf"})], drop=0.2, power=0.8)

    assert planned.expected_power == pytest.approx(0.837, abs=0.001)  # of one sample of any rate
    assert planned.samples == 1


def test_samples_that_happen_to_agree_are_no_certainty() -> None:
    agreeing = [Tally(samples=2, passed=2 * (number % 2)) for number in range(20)]

    assert (samples_for(20, likely_variances(agreeing)[0], 0.03, 0.8, 0.05) or 0) > (
        samples_for(20, [0.0], 0.03, 0.8, 0.05) or 0
    )


def test_one_sample_of_few_cases_that_all_passed_is_no_certainty() -> None:
    draw, passed, rounds = Random(5), 0, 300
    for _ in range(rounds):
        pilot = [Tally(samples=1, passed=draw.random() < 0.9) for _ in range(20)]
        samples = samples_for(20, likely_variances(pilot)[0], 0.1, 0.8, 0.05) or 0
        sides = [
            [
                Tally(samples=samples, passed=sum(draw.random() < 0.9 for _ in range(samples)))
                for _ in range(20)
            ]
            for _ in range(2)
        ]
        passed += difference_of([*zip(*sides, strict=True)]).interval(0.9)[0] > -0.1

    assert passed / rounds >= 0.76


def test_only_the_chosen_cases_of_a_report_count() -> None:
    letters = {f"case{number}": "pf" if number < 20 else "pp" for number in range(40)}
    whole = report_of(letters, cost=0.01)
    steady = plan([f"case{number}" for number in range(20, 40)], [whole], drop=0.2, power=0.8)
    varying = plan([f"case{number}" for number in range(20)], [whole], drop=0.2, power=0.8)

    assert (steady.samples or 0) < (varying.samples or 0)
    assert steady.cost_usd == pytest.approx(0.01 * steady.total)


def test_less_is_known_from_one_sample_a_case_and_least_from_nothing() -> None:
    plans = [plan(NAMES, reports, drop=0.1, power=0.8) for reports in ([report(20)], [report(1)], [])]

    assert [each.source for each in plans] == ["samples", "score", "nothing"]
    numbers = [each.samples or 0 for each in plans]
    assert numbers == sorted(numbers)
    assert numbers[0] < numbers[1]


def test_two_runs_with_a_sample_of_each_case_say_how_much_samples_vary() -> None:
    one = report(1).model_copy(update={"digests": {}})

    assert plan(NAMES, [one, one], drop=0.1, power=0.8).source == "samples"


def test_a_thin_baseline_cant_be_made_up_for() -> None:
    thin = plan([f"case{i}" for i in range(100)], [], drop=0.1, power=0.8, baseline_samples=1)

    assert (thin.samples, thin.total) == (None, 0)
    assert (
        plan([f"case{i}" for i in range(100)], [], drop=0.1, power=0.8, baseline_samples=20).samples
        is not None
    )


def test_a_plan_has_cost_and_time_where_the_reports_have_them() -> None:
    paid = report(2, cost=0.01).model_copy(update={"times": Times(seconds=82.0)})

    planned = plan(NAMES, [paid], drop=0.2, power=0.8)

    assert planned.cost_usd == pytest.approx(0.01 * planned.total)
    assert planned.minutes == pytest.approx(planned.total / 60)
    assert plan(NAMES, [report(2)], drop=0.2, power=0.8).cost_usd is None
