"""Runs the TestCase classes of a test file and reports each test."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.inner.checker.reporting import Reports


def run_under_unittest(path: str, space: dict[str, Any], reports: Reports) -> None:
    """Run what a loaded file has of unittest; nothing where it never imported it."""
    unittest = sys.modules.get("unittest")
    if unittest is None:
        return
    loader = unittest.TestLoader()
    for value in list(space.values()):
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            loader.loadTestsFromTestCase(value)(_result_class(unittest)(path, reports))


def _result_class(unittest: Any) -> Any:
    class Result(unittest.TestResult):  # type: ignore[misc]
        def __init__(self, path: str, reports: Reports) -> None:
            super().__init__()
            self._path = path
            self._reports = reports

        def _name(self, test: Any) -> str:
            method = getattr(test, "_testMethodName", str(test))
            return f"{self._path}::{type(test).__name__}::{method}"

        def startTest(self, test: Any) -> None:
            super().startTest(test)
            self._reports.begin(self._name(test))

        def addSuccess(self, test: Any) -> None:
            self._reports.result(self._name(test), True)

        def addError(self, test: Any, err: Any) -> None:
            self._reports.failure(self._name(test), err[1])

        addFailure = addError

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                self.addError(test, err)

        def addExpectedFailure(self, test: Any, err: Any) -> None:
            self._reports.result(self._name(test), True)

        def addUnexpectedSuccess(self, test: Any) -> None:
            self._reports.result(self._name(test), False, "it passed, and was expected to fail")

    return Result
