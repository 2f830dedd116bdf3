"""Report each test of a unittest run.

In the sandbox's archive with reporter.py; standard library only.
"""

from __future__ import annotations

import sys
import traceback
import unittest
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coder.verify.inside.reporter import RowReporter
    from coder.verify.inside.skips import Skips

FAILED_IMPORT = "unittest.loader._FailedTest."
"""Beginning of the name of a test that stands for a module that can't be imported."""
_NO_TESTS = 5
"""Exit code of pytest, and of unittest from Python 3.12 on."""


def run_unittest(
    report: RowReporter, args: list[str], skips: Skips, only: list[str], *, is_proof: bool = False
) -> int:
    """Run unittest in this process."""

    causes = _keep_import_errors()

    class ReportingRunner(unittest.TextTestRunner):
        def run(self, test: Any) -> Any:
            requested = [test_case for test_case in _flat_tests(test) if _is_requested(test_case.id(), only)]
            return super().run(unittest.TestSuite(requested) if requested else test)

    runner = ReportingRunner(resultclass=_result_class(report, skips, causes, is_proof))
    program = unittest.main(module=None, argv=["unittest", *args], exit=False, testRunner=runner)
    if not program.result.testsRun:
        return _NO_TESTS
    return 0 if program.result.wasSuccessful() else 1


def _keep_import_errors() -> dict[str, BaseException | None]:
    """Return a dict that gets the exception of each test module that can't be imported, by its name.

    unittest keeps only the exception's text, which the code under test can write.
    """
    causes: dict[str, BaseException | None] = {}
    loader: Any = unittest.loader
    make_failed_test = loader._make_failed_import_test

    def keep(name: str, suite_class: Any) -> Any:
        causes[name] = sys.exc_info()[1]
        return make_failed_test(name, suite_class)

    loader._make_failed_import_test = keep
    return causes


def _is_requested(test: str, only: list[str]) -> bool:
    """Return whether a test, or the failed import of its module, is among the requested ones."""
    module = test.replace(FAILED_IMPORT, "", 1) if test.startswith(FAILED_IMPORT) else test
    return test in only or (module != test and any(name.startswith(f"{module}.") for name in only))


def _result_class(
    report: RowReporter, skips: Skips, causes: dict[str, BaseException | None], is_proof: bool
) -> Any:
    """Return a unittest result class that reports each test."""

    class ReportingResult(unittest.TextTestResult):
        def startTest(self, test: unittest.TestCase) -> None:
            super().startTest(test)
            report.running(test.id(), is_test=True)

        def stopTest(self, test: unittest.TestCase) -> None:
            report.running()
            super().stopTest(test)

        def addSuccess(self, test: unittest.TestCase) -> None:
            super().addSuccess(test)
            report.test(test.id(), True)

        def addFailure(self, test: unittest.TestCase, err: Any) -> None:
            super().addFailure(test, err)
            self._fail(test, self.failures[-1][1], err)

        def addError(self, test: unittest.TestCase, err: Any) -> None:
            super().addError(test, err)
            self._fail(test, self.errors[-1][1], err)

        def _fail(self, test: unittest.TestCase, message: str, err: Any) -> None:
            reached = _reached(test, err)
            report.test(test.id(), False, message, reached=reached, error=err[1])
            self.shouldStop = self.shouldStop or (is_proof and reached)

        def addSkip(self, test: unittest.TestCase, reason: str) -> None:
            super().addSkip(test, reason)
            frames = traceback.extract_tb(sys.exc_info()[2])  # none where a decorator skips
            if not skips.are_the_tests_own([frame.filename for frame in frames], reason):
                report.test(test.id(), False, f"skipped by the code under test: {reason}")

        def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
            super().addSubTest(test, subtest, err)
            if err is not None:
                text = "".join(traceback.format_exception(*err))
                report.test(subtest.id(), False, text, reached=_reached(test, err), error=err[1])

    def _reached(test: Any, err: Any) -> bool:
        if test.id().startswith(FAILED_IMPORT):
            cause = causes.get(test.id()[len(FAILED_IMPORT) :])
            return cause is not None and bool(skips.lack_what_is_added(cause))
        frames = [(frame.filename, frame.name) for frame in traceback.extract_tb(err[2])]
        return bool(skips.reach_the_code(err[1], frames, getattr(test, "_testMethodName", "")))

    return ReportingResult


def _flat_tests(suite: Any) -> list[Any]:
    """Return all tests of a suite."""
    if not isinstance(suite, unittest.TestSuite):
        return [suite]
    return [test for part in suite for test in _flat_tests(part)]
