"""Reports of shards are merged unless they were made differently."""

import pytest

from benchmarks.cli.merge_command import merge_reports
from benchmarks.report import Report
from benchmarks.stats.looks import plan_looks
from benchmarks.stats.scoring import make_report
from benchmarks.suite import FunctionCase, Suite
from benchmarks.verdict import Verdict
from coder.base.errors import UsageError

SUITE = Suite(
    name="two",
    version="1",
    cases=tuple(FunctionCase(id=id, prompt="", entry_point="f", test="") for id in ("a", "b")),
)


def report(case: str, verdict: str, *, isolation: str | None) -> Report:
    one = Verdict.model_validate({"id": case, "sample": 0, "verdict": verdict, "strength": "weaker"})
    return make_report(SUITE, [one], digests={}, isolation=isolation)


def test_a_shard_without_a_case_that_needed_a_sandbox_merges_with_any_other() -> None:
    reports = [
        report("a", "infrastructure", isolation=None),
        report("b", "failed", isolation="bubblewrap"),
    ]

    merged = merge_reports(SUITE, reports)

    assert (merged.isolation, len(merged.verdicts)) == ("bubblewrap", 2)


def test_shards_of_different_isolation_are_refused() -> None:
    reports = [report("a", "failed", isolation="docker"), report("b", "failed", isolation="bubblewrap")]

    with pytest.raises(UsageError, match=r"Report 2 differs from the first one in isolation\."):
        merge_reports(SUITE, reports)


def test_looks_that_were_taken_stay_in_a_merged_report() -> None:
    looks = plan_looks(4, [2], max_drop=0.1, alpha=0.05, baseline="b")
    grown = report("a", "failed", isolation=None).model_copy(update={"looks": looks})

    assert merge_reports(SUITE, [grown, report("b", "failed", isolation=None)]).looks == looks
