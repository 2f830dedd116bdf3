"""Check that the tools of testing still decide, after the code under test has run.

In the sandbox's archive with reporter.py; standard library only. Code that shares a process with its tests
can do anything in it, so this finds the plain ways of changing the tools, and no clever one.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import math
import os
import sys
import tempfile
import unittest
import unittest.case
import unittest.result
import unittest.runner
import unittest.suite
from typing import Any

_BUILTINS = (
    "AssertionError", "abs", "all", "any", "bool", "bytes", "dict", "divmod", "enumerate", "filter",
    "float", "frozenset", "getattr", "hasattr", "int", "isinstance", "issubclass", "iter", "len", "list",
    "map", "max", "min", "next", "range", "repr", "reversed", "round", "set", "setattr", "sorted", "str",
    "sum", "tuple", "type", "zip",
)  # fmt: skip
_CLASSES = (
    unittest.case.TestCase,
    unittest.case._Outcome,  # type: ignore[attr-defined]
    unittest.result.TestResult,
    unittest.runner.TextTestResult,
    unittest.runner.TextTestRunner,
    unittest.suite.TestSuite,
    unittest.suite.BaseTestSuite,
    unittest.TestProgram,
    unittest.TestLoader,
)
_WRONG = """\
import math
import unittest
import pytest

def test_{0}_plain():
    value = [{1}]
    assert value == [{2}]

def test_{0}_less():
    assert {1} > {2}

def test_{0}_approx():
    assert {1} == pytest.approx({2})

def test_{0}_raises():
    with pytest.raises(ZeroDivisionError):
        value = {1}

@pytest.mark.parametrize("value", [{1}])
def test_{0}_parameter(value):
    assert value == {2}

class Test{0}(unittest.TestCase):
    def test_{0}_equal(self):
        self.assertEqual({1}, {2})
"""
_TESTS = 6


def deciding() -> dict[str, object]:
    """Return the current functions and classes that decide, by name."""
    objects: dict[str, object] = {name: getattr(builtins, name, None) for name in _BUILTINS}
    objects.update((f"math.{name}", value) for name, value in vars(math).items())
    for cls in _CLASSES:
        objects.update(
            (f"{cls.__name__}.{name}", value) for name, value in vars(cls).items() if callable(value)
        )
    objects.update((f"unittest.{name}", value) for name, value in vars(unittest).items() if callable(value))
    objects.update((f"module {name}", sys.modules.get(name)) for name in ("builtins", "math", "unittest"))
    return objects


def changed(before: dict[str, object]) -> list[str]:
    """Names whose values were replaced."""
    now = deciding()
    return [name for name, value in before.items() if now.get(name) is not value]


def strangers(ours: list[str], root: str) -> list[str]:
    """Return test files (`ours`, relative to `root`) whose loaded module comes from elsewhere."""
    files = [path for path in ours if os.path.basename(path).startswith("test_") and path.endswith(".py")]
    real = {os.path.realpath(os.path.join(root, path)) for path in files}
    paths = []
    for path in files:
        dotted = path[:-3].replace("/", ".")
        for name in {dotted, dotted.rpartition(".")[2]}:
            module = sys.modules.get(name)
            origin = getattr(getattr(module, "__spec__", None), "origin", None)
            if module is not None and (origin is None or os.path.realpath(origin) not in real):
                paths.append(path)
    return paths


def pytest_still_fails_what_is_wrong() -> bool:
    """Whether wrong tests with random names fail when they run here."""
    import pytest

    name, low = os.urandom(6).hex(), int.from_bytes(os.urandom(2), "little")
    plugin = _Seen()
    hidden = {key: os.environ.pop(key, None) for key in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"test_{name}.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(_WRONG.format(name, low, low + 1))
        options = ["-q", "-c", os.devnull, "--rootdir", folder, "-p", "no:cacheprovider", "--noconftest"]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = pytest.main([*options, path], plugins=[plugin])
    os.environ.update({key: value for key, value in hidden.items() if value is not None})
    return code == 1 and plugin.outcomes == ["failed"] * _TESTS


class _Seen:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call":
            self.outcomes.append(report.outcome)
