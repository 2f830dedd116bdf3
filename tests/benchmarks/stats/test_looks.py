"""Looks at a run that grows: they share one probability of an error."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from benchmarks.report import Look, LookPlan, Report
from benchmarks.stats.gate import gate
from benchmarks.stats.looks import _levels, levels_of, look_now, plan_looks, spent
from coder.base.errors import UsageError
from perf.gate import DISTRIBUTIONS, by_looks
from tests.benchmarks.reports.reports_made import report_of

PLAN = plan_looks(8, [5] * 40, max_drop=0.1, alpha=0.05, baseline="b")


def run_of(samples: int, *, plan: LookPlan | None = PLAN, letter: str = "p") -> Report:
    """A report of forty cases with as many samples, looked at by a plan."""
    report = report_of({f"c{i}": letter * samples for i in range(40)})
    return report.model_copy(update={"looks": plan})


def after(*looks: Look) -> LookPlan:
    return PLAN.model_copy(update={"taken": looks})


def test_levels_are_those_of_the_literature() -> None:
    # gsDesign(k = 5, test.type = 1, alpha = 0.025, sfu = sfLDOF): upper bounds of z
    levels = _levels([0.2, 0.4, 0.6, 0.8, 1.0], 0.025)

    assert [-norm.ppf(level) for level in levels] == pytest.approx(
        [4.8769, 3.3570, 2.6803, 2.2898, 2.0310], abs=2e-4
    )


@pytest.mark.parametrize("alpha", [0.01, 0.05, 0.2])
def test_all_looks_together_err_with_the_probability_that_was_asked_for(alpha: float) -> None:
    times = np.array([0.33, 0.57, 0.75, 1.0])
    bounds = -norm.ppf(_levels(list(times), alpha))

    covariance = np.sqrt(np.minimum.outer(times, times) / np.maximum.outer(times, times))
    undecided = multivariate_normal(mean=np.zeros(4), cov=covariance).cdf(bounds)

    assert 1 - undecided == pytest.approx(alpha, rel=0.01)
    assert spent(1.0, alpha) == pytest.approx(alpha)


def test_a_plan_has_four_looks_at_most_and_the_last_has_most_of_the_level() -> None:
    assert PLAN.samples == (2, 4, 6, 8)
    assert plan_looks(2, [1], max_drop=0.1, alpha=0.05, baseline="").samples == (1, 2)
    assert 0.03 < levels_of(PLAN)[-1] < 0.05


def test_a_look_that_was_taken_keeps_its_level_and_one_at_more_samples_spends_what_is_due() -> None:
    early, late = look_now(PLAN, [run_of(2)]), look_now(PLAN, [run_of(8)])
    taken = after(Look(samples=2, information=early[0], level=early[1], decision="undecided"))

    assert look_now(taken, [run_of(2)]) == early
    assert early[1] < look_now(taken, [run_of(5)])[1] < look_now(taken, [run_of(8)])[1] < late[1]
    assert late == pytest.approx((1.0, 0.05))


@pytest.mark.slow
def test_an_unchanged_agent_fails_planned_looks_about_as_often_as_alpha_says() -> None:
    draw, rates = np.random.default_rng(70), DISTRIBUTIONS["U-shaped, Beta(½, ½)"]
    plan = plan_looks(8, [5] * 40, max_drop=0.04, alpha=0.05, baseline="")
    levels = {"plain": [0.05] * 4, "planned": levels_of(plan)}
    decisions: dict[str, list[str]] = {"plain": [], "planned": []}
    for _ in range(300):
        of_cases = rates(draw, 40)
        for rule, (decision, _samples) in by_looks(of_cases, of_cases, plan, levels, draw).items():
            decisions[rule].append(decision)

    fails = {rule: each.count("failed") / 300 for rule, each in decisions.items()}
    assert fails["planned"] <= 0.065
    assert fails["planned"] < fails["plain"]


def test_once_the_last_look_is_taken_more_samples_of_the_run_decide_nothing() -> None:
    information, level = look_now(PLAN, [run_of(8)])
    done = after(Look(samples=8, information=information, level=level, decision="undecided"))
    before = report_of({f"c{i}": "ppppp" for i in range(40)})
    same, more = [run_of(8, plan=done)], [run_of(8, plan=done), run_of(4, plan=None)]

    assert gate(same, baseline=[before]).decision == "passed"
    result = gate(more, baseline=[before], min_pass=0.5)
    assert [one.decision for one in result.conditions] == ["undecided", "undecided"]
    assert "have spent --alpha" in result.conditions[1].text


def test_an_early_look_decides_by_its_own_level_and_by_the_drop_that_was_planned() -> None:
    before = report_of({f"c{i}": "ppppp" for i in range(40)})
    few = {f"c{i}": "ff" if i < 1 else "pp" for i in range(40)}
    plain = gate([report_of(few)], baseline=[before], max_drop=0.1)
    looked = gate([report_of(few).model_copy(update={"looks": PLAN})], baseline=[before])

    assert (plain.decision, looked.decision) == ("passed", "undecided")
    assert "10.0 points" in looked.conditions[0].text


def test_other_figures_than_the_planned_ones_and_two_runs_that_grew_are_refused() -> None:
    before = report_of({f"c{i}": "ppppp" for i in range(40)})

    with pytest.raises(UsageError, match=r"planned for --max-drop 0\.1, not 0\.2"):
        gate([run_of(2)], baseline=[before], max_drop=0.2)
    with pytest.raises(UsageError, match=r"planned for --alpha 0\.05, not 0\.1"):
        gate([run_of(2)], baseline=[before], alpha=0.1)
    with pytest.raises(UsageError, match="looked at apart"):
        gate([run_of(2), run_of(4)], baseline=[before])
