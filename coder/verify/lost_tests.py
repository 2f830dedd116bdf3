"""Find given tests that ran before the work and no longer run: code can end their process, or empty a table
of cases from which the tests are made.
"""

from collections import Counter
from collections.abc import Collection, Iterable

from coder.run.event_types import BaselineTaken
from coder.run.message import CheckLine
from coder.verify.regressions import was_run

_NODE = "test::"
"""Prefix of the names of tests and of whole files in the report of `node --test`."""


def lost_tests(
    lines: Iterable[CheckLine], baseline: BaselineTaken | None, paths: Collection[str]
) -> tuple[str, ...]:
    """Return the tests of these files that ran before the work and are missing in the lines.

    A name may contain values of the code, so a new test at the same place replaces a missing one.
    """
    if baseline is None:
        return ()
    names = {line.name for line in lines}
    new_names = names - {test.name for test in baseline.tests}
    arrivals = Counter(_place(name) for name in new_names if _is_test(name, paths))
    lost: list[str] = []
    for test in baseline.tests:
        if test.name in names or not _is_test(test.name, paths):
            continue
        if arrivals[_place(test.name)]:
            arrivals[_place(test.name)] -= 1
        else:
            lost.append(test.name)
    return tuple(lost)


def _is_test(name: str, paths: Collection[str]) -> bool:
    """Return whether a name is of a test, not of a whole file, a hook, a subtest or a command."""
    if name.startswith(_NODE):
        return "/" not in name
    return name not in paths and " " not in name and any(was_run(path, [name]) for path in paths)


def _place(name: str) -> str:
    """Return the common part of the names of tests at one place in a test file."""
    return _NODE if name.startswith(_NODE) else name.partition("[")[0]
