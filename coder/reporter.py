"""Run a Python test command inside the sandbox, and report which tests ran and that it came to its end.

This file is copied beside the tests, with control.py, and started by the sandbox's Python; both need the
standard library only (Python 3.8 and later). An exit code of 0 proves nothing by itself: code under test can
call `os._exit(0)`.

    python3 reporter.py CONFIG -m pytest ARGS… | -m unittest ARGS… | FILE ARGS…

CONFIG is a JSON file, removed once it is read: {"report": path, "key": hex, "ours": paths that hold tests,
"names": file names and folders of the workspace}. The report has a JSON object a line: {"begin": 1},
{"test": id, "passed": bool, "message": text} …, {"end": code}, each with a "proof" that follows from the
key and the line before, so that a line written by the code under test ends the report.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import runpy
import sys
import traceback
import unittest
from typing import Any

import control  # type: ignore[import-not-found]  # beside this file

_MESSAGE = 4000
_EXPECTED = {"xfail", "__unittest_expecting_failure__"}
"""Keywords of a test that is marked as one that fails; pytest.xfail() in the code under test gives none."""
_NOT_IMPORTED = re.compile(r"could not import '([^'.]+)")


class Report:
    """Writes one JSON object a line, each flushed at once: what was reported before a crash is there."""

    def __init__(self, path: str, key: str = "") -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._pid = os.getpid()
        self._proof = bytes.fromhex(key)

    def write(self, **row: object) -> None:
        """Append one row; a forked child of the tests writes none."""
        if os.getpid() == self._pid:
            content = json.dumps(row)
            self._proof = hmac.new(self._proof, content.encode(), hashlib.sha256).digest()
            os.write(self._fd, f"{self._proof.hex()} {content}\n".encode())

    def test(self, name: object, passed: bool, message: str = "") -> None:
        """One test's result."""
        self.write(test=str(name)[:500], passed=bool(passed), message=str(message)[-_MESSAGE:])


class Skips:
    """Tells a skip that the tests decided on from one that the code under test brought about."""

    def __init__(self, ours: list[str], names: list[str]) -> None:
        self._ours = ours
        parts = [part for name in names for part in name.split("/")]
        self._modules = {part[:-3] if part.endswith(".py") else part for part in parts}

    def are_the_tests_own(self, places: list[str], reason: str) -> bool:
        """Raised over test files and libraries only, and not for want of a module of the workspace.

        Args:
            places: files of the frames that it was raised over; none where a mark skips.
        """
        here = os.path.realpath(os.getcwd()) + os.sep
        inside = [place for place in map(os.path.realpath, places) if place.startswith(here)]
        wanted = _NOT_IMPORTED.search(reason)
        return all(place[len(here) :] in self._ours for place in inside) and (
            wanted is None or wanted.group(1) not in self._modules
        )


class PytestPlugin:
    """Reports each test of a pytest session."""

    def __init__(self, report: Report, skips: Skips) -> None:
        self._report, self._skips = report, skips
        self._places: dict[str, list[str]] = {}

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        """Look at the exception while it is there; the report is made by pytest."""
        self._see(item.nodeid, call)

    def pytest_collectreport(self, report: Any) -> None:
        """A file that can't be collected is a failed test, and so is one that the code under test skips."""
        if report.failed:
            self._report.test(report.nodeid, False, _told(report))
        elif report.skipped:
            self._skipped(report)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The call decides; set-up and tear-down count when they fail.

        A skip is no pass, and no failure where the tests decided on it; so is a failure that they expect.
        """
        if report.skipped and hasattr(report, "wasxfail"):
            if _EXPECTED.isdisjoint(report.keywords):
                self._report.test(report.nodeid, False, f"xfailed by the code under test: {report.wasxfail}")
        elif report.skipped:
            self._skipped(report)
        elif report.when == "call" or not report.passed:
            self._report.test(report.nodeid, report.passed, _told(report))

    def _see(self, nodeid: str, call: Any) -> None:
        self._places.pop(nodeid, None)
        if call.excinfo is not None:
            self._places[nodeid] = [str(entry.path) for entry in call.excinfo.traceback]

    def _skipped(self, report: Any) -> None:
        path, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, "")
        places = [path, *self._places.get(report.nodeid, ())]
        if not path or not self._skips.are_the_tests_own(places, reason):
            self._report.test(report.nodeid, False, f"skipped by the code under test: {report.longrepr}")


def _told(report: Any) -> str:
    """What pytest says of a failure: what was wrong (its lines with an E) before the test's source."""
    text = getattr(report, "longreprtext", "") or str(report.longrepr or "")
    lines = text.splitlines()
    wrong = [line[1:].strip() for line in lines if line.startswith("E ")]
    return "\n".join([*wrong, *(line for line in lines if not line.startswith("E "))])


def run_pytest(report: Report, args: list[str], skips: Skips) -> int:
    """Run pytest in this process."""
    import pytest  # before the workspace is on the path: a pytest.py there is not the one to ask

    # First, since pytest's own part for unittest puts a skip of its own in the place of one of unittest's.
    pytest.hookimpl(tryfirst=True)(PytestPlugin.pytest_runtest_makereport)
    sys.path[0] = os.getcwd()
    code = int(pytest.main([*args, "-p", "no:cacheprovider"], plugins=[PytestPlugin(report, skips)]))
    if code == 0 and not control.pytest_still_fails_what_is_wrong():
        report.test("pytest itself", False, "the code under test changes pytest: a wrong test passes, too")
    return code


def run_unittest(report: Report, args: list[str], skips: Skips) -> int:
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

        def addSkip(self, test: unittest.TestCase, reason: str) -> None:
            super().addSkip(test, reason)
            frames = traceback.extract_tb(sys.exc_info()[2])  # none where a decorator skips
            if not skips.are_the_tests_own([frame.filename for frame in frames], reason):
                report.test(test.id(), False, f"skipped by the code under test: {reason}")

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
    os.unlink(config_path)
    report = Report(config["report"], config["key"])
    report.write(begin=1)
    skips = Skips(config["ours"], config["names"])
    before = control.deciding()
    if args[:2] == ["-m", "pytest"]:
        code = run_pytest(report, args[2:], skips)
    elif args[:2] == ["-m", "unittest"]:
        sys.path[0] = os.getcwd()
        code = run_unittest(report, args[2:], skips)
    else:
        code = run_file(report, args, config["ours"])
    for name in control.changed(before):
        report.test(name, False, f"the code under test replaces {name}, and with it what decides")
    report.write(end=code)
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
