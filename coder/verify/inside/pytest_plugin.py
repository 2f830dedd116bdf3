"""Report each test of a pytest session, and tell effects of the tests from effects of the code under test.

In the sandbox's archive with reporter.py; standard library only.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import start_path  # type: ignore[import-not-found]  # beside this file
import tamper_checks  # type: ignore[import-not-found]  # beside this file

if TYPE_CHECKING:
    from coder.verify.inside.pytest_setup import Untouched
    from coder.verify.inside.reporter import RowReporter
    from coder.verify.inside.skips import Skips

MAX_MESSAGE = 4000
"""Longest message of one test in characters."""
_XFAIL_KEYWORDS = {"xfail", "__unittest_expecting_failure__"}
"""Keywords of a test marked as expected to fail; pytest.xfail() in the code under test sets none."""


def run_pytest(
    report: RowReporter,
    args: list[str],
    skips: Skips,
    untouched: Untouched,
    only: list[str],
    *,
    is_proof: bool = False,
) -> int:
    """Run pytest in this process."""
    import pytest  # import before the workspace is on the path, as it may hold a pytest.py

    pytest.hookimpl(hookwrapper=True, tryfirst=True)(PytestPlugin.pytest_runtest_makereport)
    pytest.hookimpl(trylast=True)(PytestPlugin.pytest_collection_modifyitems)
    sys.path[0] = os.getcwd()
    start_path.drop_shadowed()
    plugin = PytestPlugin(report, skips, untouched, only, is_proof=is_proof)
    plugins: list[Any] = [plugin]
    # All named tests run, even if other files can't be collected or -x is given.
    options = ["--continue-on-collection-errors", "--maxfail=0"] if only else []
    if is_proof:
        options += ["--tb=no"]
        if only and int(pytest.__version__.partition(".")[0]) >= 7:
            plugins.append(OnlyFiles(only))
    args = [*untouched.options(), *args, *options, "-p", "no:cacheprovider"]
    code = int(pytest.main(args, plugins=plugins))
    for path, message in untouched.refused.items():
        report.test(path, False, message)
    is_changed = tamper_checks.functions_of_unused_plugins() != plugin.unused
    if code == 0 and (is_changed or not tamper_checks.pytest_still_fails_what_is_wrong()):
        report.test("pytest itself", False, "the code under test changes pytest: a wrong test passes, too")
    return code


_CACHE_FLAGS = (
    ("--lf", "--last-failed"), ("--ff", "--failed-first"), ("--nf", "--new-first"), ("--cache-clear",),
    ("--sw", "--stepwise"), ("--sw-skip", "--stepwise-skip"),
)  # fmt: skip
"""Options of pytest's cache, which is off: the folder's own could choose which tests run."""


class PytestPlugin:
    """Reports each test of a pytest session."""

    def __init__(
        self, report: RowReporter, skips: Skips, untouched: Untouched, only: list[str], *, is_proof: bool
    ) -> None:
        self._is_proof, self._session = is_proof, None
        self._report, self._skips, self._untouched, self._only = report, skips, untouched, set(only)
        self._places: dict[str, list[str]] = {}
        self._reached: set[str] = set()
        self._errors: dict[str, BaseException] = {}
        self.unused: dict[str, tuple[object, object]] = {}

    def pytest_addoption(self, parser: Any) -> None:
        """Accept pytest's options on earlier runs without effect, as a fresh sandbox has no earlier runs."""
        for names in _CACHE_FLAGS:
            parser.addoption(*names, action="store_true", dest="no_earlier_run", help="no effect here")
        parser.addoption("--lfnf", "--last-failed-no-failures", dest="no_earlier_run_value", help="no effect")

    def pytest_load_initial_conftests(self, early_config: Any) -> None:
        """Report the settings, before any conftest.py is loaded."""
        self._report.write(setup=self._untouched.setup_of(early_config))
        self.unused = tamper_checks.functions_of_unused_plugins()

    def pytest_sessionstart(self, session: Any) -> None:
        """Keep the session, so that it can be ended early."""
        self._session = session

    def pytest_plugin_registered(self, plugin: Any) -> None:
        """Check a plugin, also one registered before this plugin."""
        self._untouched.check_plugin(getattr(plugin, "__file__", None))

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Select only the requested tests, or all if none of them exists."""
        # A test is found by its name, or by its file's name if the file could not be collected.
        requested = [item for item in items if {item.nodeid, item.nodeid.partition("::")[0]} & self._only]
        if requested and len(requested) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in requested])
            items[:] = requested

    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        """Record the exception of a call before or after pytest makes its report.

        pytest's support for unittest replaces unittest's skip exceptions by its own, and adds the exception
        of a TestCase if there was none: an existing exception is recorded before, a new one afterwards.
        """
        self._places.pop(item.nodeid, None)
        self._reached.discard(item.nodeid)
        self._errors.pop(item.nodeid, None)
        excinfo = call.excinfo
        self._look(item, excinfo)
        yield
        if excinfo is None:
            self._look(item, call.excinfo)

    def _look(self, item: Any, excinfo: Any) -> None:
        """Record the files of an exception's frames, and whether the code was reached."""
        if excinfo is not None:
            self._errors[item.nodeid] = excinfo.value
            frames = [(str(entry.path), str(entry.name)) for entry in excinfo.traceback]
            self._places[item.nodeid] = [path for path, _ in frames]
            if self._skips.reach_the_code(excinfo.value, frames, getattr(item, "originalname", "")):
                self._reached.add(item.nodeid)

    def pytest_collectstart(self, collector: Any) -> None:
        """Report the start of an import, which may never end."""
        self._report.running(collector.nodeid)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Report the start of a test."""
        self._report.running(nodeid, is_test=True)

    def pytest_runtest_logfinish(self) -> None:
        """Report the end of a test."""
        self._report.running()

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        """Mark a file that can't be imported for lack of an added name, as all its tests fail."""
        if call.when == "collect":
            self._errors[node.nodeid] = call.excinfo.value
        cause = call.excinfo.value.__cause__ if call.when == "collect" else None
        if cause is not None and self._skips.lack_what_is_added(cause):
            self._reached.add(node.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """Report a file that can't be collected, or that the code under test skips, as a failed test."""
        self._report.running()
        if report.failed:
            self._failed(report, reached=report.nodeid in self._reached)
        elif report.skipped:
            self._skipped(report)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report a result: the call decides, and failing set-up or tear-down; skips by tests don't count."""
        if report.skipped and hasattr(report, "wasxfail"):
            if _XFAIL_KEYWORDS.isdisjoint(report.keywords):
                self._report.test(report.nodeid, False, f"xfailed by the code under test: {report.wasxfail}")
        elif report.skipped:
            self._skipped(report)
        elif report.when == "call" or not report.passed:
            reached = report.when == "call" and report.nodeid in self._reached
            if report.passed:
                self._report.test(report.nodeid, True)
            else:
                self._failed(report, reached=reached)

    def _failed(self, report: Any, *, reached: bool) -> None:
        error = self._errors.pop(report.nodeid, None)
        self._report.test(report.nodeid, False, _failure_text(report), reached=reached, error=error)
        if reached and self._is_proof and self._session is not None:
            self._session.shouldfail = "one failure is proof"

    def _skipped(self, report: Any) -> None:
        path, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, "")
        places = [path, *self._places.get(report.nodeid, ())]
        if not path or not self._skips.are_the_tests_own(places, reason):
            self._report.test(report.nodeid, False, f"skipped by the code under test: {report.longrepr}")


def _failure_text(report: Any) -> str:
    """Return pytest's text on a failure: the error lines (marked E) before the test's source."""
    text = getattr(report, "longreprtext", "") or str(report.longrepr or "")
    lines = text.splitlines()
    error_lines = "\n".join(line[1:].strip() for line in lines if line.startswith("E "))[: MAX_MESSAGE // 2]
    other_lines = "\n".join(line for line in lines if not line.startswith("E "))
    return (
        f"{error_lines}\n{other_lines[len(error_lines) - MAX_MESSAGE + 1 :]}" if error_lines else other_lines
    )


class OnlyFiles:
    """Keeps pytest from importing test files other than those of the requested tests."""

    def __init__(self, only: list[str]) -> None:
        self._names = {name.partition("::")[0].rpartition("/")[2] for name in only}

    def pytest_ignore_collect(self, collection_path: Any) -> Any:
        """Ignore Python files of other names."""
        is_other = collection_path.suffix == ".py" and collection_path.name not in self._names
        return True if is_other and collection_path.name != "__init__.py" else None
