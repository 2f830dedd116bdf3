"""Check that the testing tools are unchanged after the code under test has run.

In the sandbox's archive with reporter.py; standard library only. Code that shares a process with its tests
can do anything in it, so these checks find simple changes of the tools, and miss elaborate ones.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import math
import os
import sys
import tempfile
import types
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
_WRONG_TESTS = """\
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
_TEST_COUNT = 6
_UNUSED_PLUGINS = (
    "cacheprovider", "doctest", "faulthandler", "junitxml", "legacypath", "monkeypatch", "pastebin",
    "recwarn", "setuponly", "setupplan", "stepwise", "subtests", "threadexception", "unraisableexception",
)  # fmt: skip
"""pytest plugins that the wrong tests don't need; the last two collect garbage ten times at the end."""


def deciding_objects() -> dict[str, object]:
    """Return the current functions and classes that decide test results, by name."""
    objects: dict[str, object] = {name: getattr(builtins, name, None) for name in _BUILTINS}
    objects.update((f"math.{name}", value) for name, value in vars(math).items())
    for cls in _CLASSES:
        objects.update(
            (f"{cls.__name__}.{name}", value) for name, value in vars(cls).items() if callable(value)
        )
    objects.update((f"unittest.{name}", value) for name, value in vars(unittest).items() if callable(value))
    objects.update((f"module {name}", sys.modules.get(name)) for name in ("builtins", "math", "unittest"))
    return objects


def changed(originals: dict[str, object]) -> list[str]:
    """Return the names whose values were replaced."""
    current = deciding_objects()
    return [name for name, value in originals.items() if current.get(name) is not value]


def functions_of_unused_plugins() -> dict[str, tuple[object, object]]:
    """Return the functions of the unused plugins with their current code, by name."""
    modules = [sys.modules.get(f"_pytest.{plugin}") for plugin in _UNUSED_PLUGINS]
    return {
        f"{module.__name__}.{name}": (value, value.__code__)
        for module in modules
        if module is not None
        for name, value in vars(module).items()
        if isinstance(value, types.FunctionType)
    }


def strangers(ours: list[str], root: str) -> list[str]:
    """Return test files (`ours`, relative to `root`) whose loaded module comes from elsewhere."""
    files = [path for path in ours if os.path.basename(path).startswith("test_") and path.endswith(".py")]
    real_paths = {os.path.realpath(os.path.join(root, path)) for path in files}
    paths = []
    for path in files:
        module_name = path[:-3].replace("/", ".")
        for name in {module_name, module_name.rpartition(".")[2]}:
            module = sys.modules.get(name)
            origin = getattr(getattr(module, "__spec__", None), "origin", None)
            if module is not None and (origin is None or os.path.realpath(origin) not in real_paths):
                paths.append(path)
    return paths


def pytest_still_fails_what_is_wrong() -> bool:
    """Run wrong tests with random names; return whether all of them fail."""
    import pytest

    name, number = os.urandom(6).hex(), int.from_bytes(os.urandom(2), "little")
    plugin = _OutcomePlugin()
    hidden_variables = {key: os.environ.pop(key, None) for key in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, f"test_{name}.py")
        with open(path, "w", encoding="utf-8") as file:
            file.write(_WRONG_TESTS.format(name, number, number + 1))
        options = ["-q", "-c", os.devnull, "--rootdir", folder, "--confcutdir", folder, "--noconftest"]
        options.append("--tb=native")  # the fastest one, and nobody reads it
        options += [word for name in _UNUSED_PLUGINS for word in ("-p", f"no:{name}")]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            code = pytest.main([*options, path], plugins=[plugin])
    os.environ.update({key: value for key, value in hidden_variables.items() if value is not None})
    return code == 1 and plugin.outcomes == ["failed"] * _TEST_COUNT


class _OutcomePlugin:
    def __init__(self) -> None:
        self.outcomes: list[str] = []

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.when == "call":
            self.outcomes.append(report.outcome)
