"""A plugin of pytest: the tests that failed are listed, a line each, in the file CODER_FAILED_LIST."""

import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    file = os.environ.get("CODER_FAILED_LIST")
    if report.failed and file and "PYTEST_XDIST_WORKER" not in os.environ:  # whoever collects them all writes
        with Path(file).open("a", encoding="utf-8") as listed:
            listed.write(f"{report.nodeid}\n")
