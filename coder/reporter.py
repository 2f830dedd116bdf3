"""Run a Python test command inside the sandbox, and report which tests ran and that it came to its end.

This file is copied beside the tests and started by the sandbox's Python; it needs the standard library only
(Python 3.8 and later). An exit code of 0 proves nothing by itself: code under test can call `os._exit(0)`.

    python3 reporter.py CONFIG -m pytest ARGS… | -m unittest ARGS… | FILE ARGS…

CONFIG is a JSON file: {"report": path, "ours": paths whose `sys.exit` counts as the test's own}. The report
has a JSON object a line: {"begin": 1}, {"test": id, "passed": bool, "message": text} …, {"end": code}.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import traceback
import unittest
from typing import Any

_MESSAGE = 4000


class Report:
    """Writes one JSON object a line, each flushed at once: what was reported before a crash is there."""

    def __init__(self, path: str) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._pid = os.getpid()

    def write(self, **row: object) -> None:
        """Append one row; a forked child of the tests writes none."""
        if os.getpid() == self._pid:
            os.write(self._fd, json.dumps(row).encode() + b"\n")

    def test(self, name: object, passed: bool, message: str = "") -> None:
        """One test's result."""
        self.write(test=str(name)[:500], passed=bool(passed), message=str(message)[-_MESSAGE:])


class PytestPlugin:
    """Reports each test of a pytest session."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def pytest_collectreport(self, report: Any) -> None:
        """A file that can't be collected is a failed test."""
        if report.failed:
            self._report.test(report.nodeid, False, getattr(report, "longreprtext", ""))

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The call decides; set-up and tear-down count when they fail. A skip is not a pass."""
        if report.when == "call" or not report.passed:
            text = getattr(report, "longreprtext", "") or str(report.longrepr or "")
            self._report.test(report.nodeid, report.passed, "skipped: " + text if report.skipped else text)


def run_pytest(report: Report, args: list[str]) -> int:
    """Run pytest in this process."""
    import pytest  # before the workspace is on the path: a pytest.py there is not the one to ask

    sys.path[0] = os.getcwd()
    return int(pytest.main([*args, "-p", "no:cacheprovider"], plugins=[PytestPlugin(report)]))


def run_unittest(report: Report, args: list[str]) -> int:
    """Run unittest in this process."""

    class Result(unittest.TextTestResult):
        def addSuccess(self, test: unittest.TestCase) -> None:
            super().addSuccess(test)
            report.test(test.id(), True)

        def addFailure(self, test: unittest.TestCase, err: Any) -> None:
            super().addFailure(test, err)
            report.test(test.id(), False, self.failures[-1][1])

        def addError(self, test: unittest.TestCase, err: Any) -> None:
            super().addError(test, err)
            report.test(test.id(), False, self.errors[-1][1])

        def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
            super().addSubTest(test, subtest, err)
            if err is not None:
                report.test(subtest.id(), False, "".join(traceback.format_exception(*err)))

    runner = unittest.TextTestRunner(resultclass=Result)  # type: ignore[arg-type]  # a class is that callable
    program = unittest.main(module=None, argv=["unittest", *args], exit=False, testRunner=runner)
    return 0 if program.result.wasSuccessful() and program.result.testsRun else 1


def run_file(report: Report, args: list[str], ours: list[str]) -> int:
    """Run one file as `__main__`; it is one test. A `sys.exit` from elsewhere than the tests fails it."""
    sys.argv = list(args)
    sys.path[0] = os.path.dirname(os.path.abspath(args[0]))
    try:
        runpy.run_path(args[0], run_name="__main__")
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else (0 if error.code is None else 1)
        frames = traceback.extract_tb(error.__traceback__)
        raised_in = os.path.realpath(frames[-1].filename) if frames else ""
        here = os.path.realpath(os.getcwd()) + os.sep
        if code == 0 and raised_in.startswith(here) and raised_in[len(here) :] not in ours:
            report.test(args[0], False, "sys.exit() in " + raised_in[len(here) :] + " ended the tests early")
            return 1
        if code and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        report.test(args[0], code == 0, f"exit code {code}")
        return code
    except BaseException:  # noqa: BLE001 - whatever the test raised is its result
        text = traceback.format_exc()
        print(text, file=sys.stderr)
        report.test(args[0], False, text)
        return 1
    report.test(args[0], True)
    return 0


def main(config_path: str, args: list[str]) -> int:
    """Run the command and report; the exit code is the command's."""
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    report = Report(config["report"])
    report.write(begin=1)
    if args[:2] == ["-m", "pytest"]:
        code = run_pytest(report, args[2:])
    elif args[:2] == ["-m", "unittest"]:
        sys.path[0] = os.getcwd()
        code = run_unittest(report, args[2:])
    else:
        code = run_file(report, args, config["ours"])
    report.write(end=code)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
