"""Trends: the scores of repeated runs over the cases that all of them judged."""

import pytest

from benchmarks.reports.terminal_report import trend_blocks
from benchmarks.stats.trend import trend_of
from coder.base.errors import UsageError
from coder.show.tables import plain_lines
from tests.benchmarks.reports.reports_made import report_of

GROUPS = {"a": "io", "b": "io", "c": "text"}
RUNS = [
    report_of({"a": "p", "b": first, "c": second, "d": last}).model_copy(update={"categories": GROUPS})
    for first, second, last in ("ppi", "pfp", "ffp")
]


def test_each_group_has_its_own_scores_over_the_cases_that_all_runs_judged() -> None:
    rows = trend_of(RUNS)

    assert [(row.of, row.name, row.cases) for row in rows] == [
        ("all", "", 3),
        ("category", "io", 2),
        ("category", "text", 1),
    ]
    assert rows[0].scores == pytest.approx((1.0, 2 / 3, 1 / 3))
    assert (rows[0].mean, rows[0].spread) == (pytest.approx(2 / 3), pytest.approx(1 / 3))


def test_a_trend_is_a_line_of_its_scores() -> None:
    lines = plain_lines(trend_blocks(trend_of(RUNS)))

    assert [text.split()[-1] for text in lines] == ["█▄▁", "██▁", "█▁▁"]


def test_one_run_has_no_spread_and_runs_without_a_common_case_no_trend() -> None:
    assert trend_of(RUNS[:1])[0].spread is None
    with pytest.raises(UsageError, match="no case that all of them judged"):
        trend_of([report_of({"a": "p"}), report_of({"b": "p"})])
