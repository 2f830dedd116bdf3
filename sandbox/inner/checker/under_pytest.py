"""Run one test file under the interpreter's pytest, in the checker's process, and report each test."""

from __future__ import annotations

import os
import re
import sys
import types
from importlib.machinery import PathFinder
from typing import Any

from sandbox.inner.bridge.proxies import is_proxy
from sandbox.inner.bridge.show_values import show, show_error
from sandbox.inner.checker.asserts import explain_inequality
from sandbox.inner.checker.reporting import Reports, cause_of, find_places
from sandbox.inner.process.execute import recall_preloaded

_PRODUCT_FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_FRAME = re.compile(r"\S.*:\d+: in ")
_PLAIN = ("-q", "-p", "no:cacheprovider", "--capture=sys", "--tb=short", "--color=no")
_OPTIONS = (*_PLAIN, "--import-mode=append")


def run_under_pytest(path: str, source: str, reports: Reports) -> None:
    """Write the file into this sandbox and run it; report a failed run as the file's failure."""
    if PathFinder.find_spec("pytest") is None:
        reports.result(
            path, False, "the test file needs pytest, which the sandbox's interpreter doesn't have"
        )
        return
    recall_preloaded()
    import pytest  # not every interpreter has it, and few checks need it

    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w", encoding="utf-8", errors="surrogatepass") as file:
        file.write(source)
    sys.dont_write_bytecode = True
    reports.begin(path)
    try:
        plugin = _Plugin(path, reports, pytest.fail.Exception, pytest.skip.Exception)
        code = pytest.main([*_OPTIONS, "--rootdir", os.getcwd(), path], plugins=[plugin])
    except BaseException as error:  # noqa: BLE001 - any exception that ends pytest early is the result
        text = f"pytest ended: {type(error).__name__}: {error}"
        reports.result(path, False, text, cause=cause_of(error))
        return
    usual_codes = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
    if code not in usual_codes and not reports.leaves_out_rest:
        reports.result(path, False, f"pytest ended with code {int(code)}{plugin.failure}")


class _Plugin:
    """Hooks of one run. The latest comparison belongs to the failed assertion."""

    def __init__(
        self, path: str, reports: Reports, failed: type[BaseException], skipped: type[BaseException]
    ) -> None:
        self._path = path
        self._failed, self._skipped = failed, skipped
        self._reports = reports
        self._sides: tuple[str | None, str | None] = (None, None)
        self._places: list[str] = []
        self._cause = ""
        self._session: Any = None
        self._parameters: dict[str, Any] | None = None
        self.failure = ""
        """Why pytest itself failed."""

    def pytest_sessionstart(self, session: Any) -> None:
        self._session = session

    def pytest_internalerror(self, excinfo: Any) -> None:
        error = excinfo.value
        self.failure = f", since a hook failed: {type(error).__name__}: {show_error(error)}"

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._reports.result(self._path, False, _last_lines(report.longreprtext))

    def pytest_runtest_protocol(self, item: Any) -> None:
        self._parameters = getattr(getattr(item, "callspec", None), "params", None)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._sides = (None, None)
        self._reports.begin(nodeid, self._parameters)

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> list[str] | None:
        expected = show(right) if op == "==" else f"{op} {show(right)}"
        self._sides = (expected, show(left))
        if op == "==" and is_proxy(left) != is_proxy(right):
            return [f"{show(left)} == {show(right)}", explain_inequality(left if is_proxy(left) else right)]
        return None

    def pytest_runtest_makereport(self, item: Any, call: Any) -> None:
        self._places = [] if call.excinfo is None else find_places(call.excinfo.value)
        self._cause = ""
        if call.excinfo is not None:
            error = call.excinfo.value
            self._reports.shorten(is_skip=isinstance(error, self._skipped))
            self._cause = "assertion" if isinstance(error, self._failed) else cause_of(error)
            _remove_repeats(call.excinfo)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.passed and report.when == "call":
            self._reports.result(report.nodeid, True)
        elif report.failed:
            expected, actual = self._sides if report.when == "call" else (None, None)
            text = "\n".join([_last_lines(report.longreprtext), *self._places])
            self._reports.result(
                report.nodeid,
                False,
                text,
                expected=expected,
                actual=actual,
                cause=self._cause,
            )
            if self._reports.leaves_out_rest:
                self._session.shouldstop = "the other tests of the file are left out"
        elif report.skipped:
            self._reports.skipped()
            if hasattr(report, "wasxfail"):
                self._reports.result(report.nodeid, True, "expected to fail, and did")


def _remove_repeats(excinfo: Any) -> None:
    """Leave each line once in the tracebacks of endless recursions.

    Pytest looks for a repetition by comparing the locals of all frames of a line. Such a comparison may ask
    the candidate, which doesn't decide what a report shows, and there are half a million of them.
    """
    error, visited_ids = excinfo.value, set[int]()
    while error is not None and id(error) not in visited_ids:
        visited_ids.add(id(error))
        if isinstance(error, RecursionError):
            error.__traceback__ = _without_repeats(error.__traceback__)
            if error is excinfo.value:
                excinfo.traceback = type(excinfo.traceback)(error.__traceback__)
        error = error.__cause__ or error.__context__


def _without_repeats(trace: types.TracebackType | None) -> types.TracebackType | None:
    entries: dict[tuple[types.CodeType, int], types.TracebackType] = {}
    while trace is not None:
        entries.setdefault((trace.tb_frame.f_code, trace.tb_lineno), trace)
        trace = trace.tb_next
    for entry in reversed(entries.values()):
        trace = types.TracebackType(trace, entry.tb_frame, entry.tb_lasti, entry.tb_lineno)
    return trace


def _last_lines(text: str) -> str:
    """Return the last lines of a failure report, without the frames of the proxies."""
    lines, is_own_frame = [], False
    for line in filter(str.strip, text.splitlines()):
        if _FRAME.match(line):
            is_own_frame = line.startswith(_PRODUCT_FOLDER)
        if not is_own_frame or line.startswith("E "):
            lines.append(line)
    return "\n".join(lines[-20:])
