"""Run a function and its tests in one process, for functions with values that can't cross.

The candidate can reach everything here, the channel too: such a verdict is labelled weaker.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from sandbox.inner.checker import function_test
from sandbox.inner.checker.alarm import watch
from sandbox.inner.checker.reporting import Reports, one_line

_MODULE = "solution"


def run_together(job: Mapping[str, Any], reports: Reports) -> None:
    """Run `source` of a job, and each of its checks on `entry_point`; report alarms at once."""
    sys.path.insert(0, os.getcwd())
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - as long as the process; prints are discarded
    space: dict[str, Any] = {"__name__": _MODULE, "__builtins__": __builtins__}

    def report_alarm(what: str, where: str) -> None:
        reports.say("tripped", what, where)
        reports.flush()

    file_names = (run_together.__code__.co_filename, function_test.WatchedTest.run.__code__.co_filename)
    own_files = frozenset((function_test.TEST, __file__, function_test.__file__, *file_names))
    watch(report_alarm, own_files, frozenset())  # bytecode without a source beside it has two names
    try:
        function_test.execute(job["source"], f"{_MODULE}.py", space)
        candidate = space[job["entry_point"]]
    except BaseException as error:  # noqa: BLE001 - any exception of the module is its result
        reports.say("unloaded", one_line(error))
    else:
        for number, check in enumerate(job["checks"]):
            reports.number, message = number, ""
            reports.begin("")
            try:
                function_test.WatchedTest(check["source"]).run(candidate, space)
            except BaseException as error:  # noqa: BLE001 - any exception of a test is its result
                message = one_line(error)
            reports.result("", not message, message)
    reports.end()
