"""A plugin of pytest: where CODER_NO_SKIPS is set, a test that skips has failed."""

import os
from collections.abc import Generator

import pytest

REASON = "skipped, and CODER_NO_SKIPS is set: what this test needs must be here"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse(report)
    return report


def _refuse(report: pytest.TestReport | pytest.CollectReport) -> None:
    if report.skipped and os.environ.get("CODER_NO_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"{REASON}: {report.longrepr}"
