"""Report each test of a pytest session, and tell the tests' own doing from that of the code under test.

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

MESSAGE = 4000
"""Characters of one test's message."""
_EXPECTED = {"xfail", "__unittest_expecting_failure__"}
"""Keywords of a test that is marked as one that fails; pytest.xfail() in the code under test gives none."""


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
    import pytest  # before the workspace is on the path: a pytest.py there is not the one to ask

    pytest.hookimpl(hookwrapper=True, tryfirst=True)(PytestPlugin.pytest_runtest_makereport)
    pytest.hookimpl(trylast=True)(PytestPlugin.pytest_collection_modifyitems)
    sys.path[0] = os.getcwd()
    start_path.drop_shadowed()
    plugin = PytestPlugin(report, skips, untouched, only, is_proof=is_proof)
    plugins: list[Any] = [plugin]
    # All of the named tests run, whatever else can't be collected, and whatever -x says.
    options = ["--continue-on-collection-errors", "--maxfail=0"] if only else []
    if is_proof:
        options += ["--tb=no"]
        if only and int(pytest.__version__.partition(".")[0]) >= 7:
            plugins.append(OnlyFiles(only))
    args = [*untouched.options(), *args, *options, "-p", "no:cacheprovider"]
    code = int(pytest.main(args, plugins=plugins))
    for path, message in untouched.refused.items():
        report.test(path, False, message)
    if code == 0 and not tamper_checks.pytest_still_fails_what_is_wrong():
        report.test("pytest itself", False, "the code under test changes pytest: a wrong test passes, too")
    return code


class PytestPlugin:
    """Reports each test of a pytest session."""

    def __init__(
        self, report: RowReporter, skips: Skips, untouched: Untouched, only: list[str], *, is_proof: bool
    ) -> None:
        self._is_proof, self._session = is_proof, None
        self._report, self._skips, self._untouched, self._only = report, skips, untouched, set(only)
        self._places: dict[str, list[str]] = {}
        self._reached: set[str] = set()

    def pytest_load_initial_conftests(self, early_config: Any) -> None:
        """The settings are known, and no conftest.py is loaded."""
        self._report.write(setup=self._untouched.setup_of(early_config))

    def pytest_sessionstart(self, session: Any) -> None:
        """The session may end early."""
        self._session = session

    def pytest_plugin_registered(self, plugin: Any) -> None:
        """A plugin is there, also one that was before this one."""
        self._untouched.check_plugin(getattr(plugin, "__file__", None))

    def pytest_collection_modifyitems(self, config: Any, items: list[Any]) -> None:
        """Leave out the tests that weren't asked for; all run where none of those is there."""
        # A test by its own name, or by its file's where that could not be collected.
        wanted = [item for item in items if {item.nodeid, item.nodeid.partition("::")[0]} & self._only]
        if wanted and len(wanted) < len(items):
            config.hook.pytest_deselected(items=[item for item in items if item not in wanted])
            items[:] = wanted

    def pytest_runtest_makereport(self, item: Any, call: Any) -> Iterator[None]:
        """Look at the exception; pytest makes the report.

        pytest's own part for unittest puts a skip of its own in the place of one of unittest's, and the
        exception of a TestCase where there was none: it is looked at before that, or else after it.
        """
        self._places.pop(item.nodeid, None)
        self._reached.discard(item.nodeid)
        excinfo = call.excinfo
        self._look(item, excinfo)
        yield
        if excinfo is None:
            self._look(item, call.excinfo)

    def _look(self, item: Any, excinfo: Any) -> None:
        """Note the files of an exception's frames, and whether it reached the code."""
        if excinfo is not None:
            frames = [(str(entry.path), str(entry.name)) for entry in excinfo.traceback]
            self._places[item.nodeid] = [path for path, _ in frames]
            if self._skips.reach_the_code(excinfo.value, frames, getattr(item, "originalname", "")):
                self._reached.add(item.nodeid)

    def pytest_collectstart(self, collector: Any) -> None:
        """A file is imported, which may never end."""
        self._report.running(collector.nodeid)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """The test begins."""
        self._report.running(nodeid, is_test=True)

    def pytest_runtest_logfinish(self) -> None:
        """It has ended."""
        self._report.running()

    def pytest_exception_interact(self, node: Any, call: Any) -> None:
        """A file that can't be imported for want of an added name fails all of its tests."""
        cause = call.excinfo.value.__cause__ if call.when == "collect" else None
        if cause is not None and self._skips.lack_what_is_added(cause):
            self._reached.add(node.nodeid)

    def pytest_collectreport(self, report: Any) -> None:
        """A file that can't be collected is a failed test, and so is one that the code under test skips."""
        self._report.running()
        if report.failed:
            self._failed(report, reached=report.nodeid in self._reached)
        elif report.skipped:
            self._skipped(report)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """The call decides, set-up and tear-down if they fail; skips that the tests decide don't count."""
        if report.skipped and hasattr(report, "wasxfail"):
            if _EXPECTED.isdisjoint(report.keywords):
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
        self._report.test(report.nodeid, False, _told(report), reached=reached)
        if reached and self._is_proof and self._session is not None:
            self._session.shouldfail = "one failure is proof"

    def _skipped(self, report: Any) -> None:
        path, _, reason = report.longrepr if isinstance(report.longrepr, tuple) else ("", 0, "")
        places = [path, *self._places.get(report.nodeid, ())]
        if not path or not self._skips.are_the_tests_own(places, reason):
            self._report.test(report.nodeid, False, f"skipped by the code under test: {report.longrepr}")


def _told(report: Any) -> str:
    """What pytest says of a failure: what was wrong (its lines with an E) before the test's source."""
    text = getattr(report, "longreprtext", "") or str(report.longrepr or "")
    lines = text.splitlines()
    wrong = "\n".join(line[1:].strip() for line in lines if line.startswith("E "))[: MESSAGE // 2]
    rest = "\n".join(line for line in lines if not line.startswith("E "))
    return f"{wrong}\n{rest[len(wrong) - MESSAGE + 1 :]}" if wrong else rest


class OnlyFiles:
    """Keeps pytest from importing other test files than those of the tests that are asked for."""

    def __init__(self, only: list[str]) -> None:
        self._names = {name.partition("::")[0].rpartition("/")[2] for name in only}

    def pytest_ignore_collect(self, collection_path: Any) -> Any:
        """Ignore files of other names."""
        is_other = collection_path.suffix == ".py" and collection_path.name not in self._names
        return True if is_other and collection_path.name != "__init__.py" else None
