"""Runs one test file: functions, classes, unittest, `check(candidate)`, bare assertions, or pytest."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import sys
import types
from typing import TYPE_CHECKING, Any

from sandbox.inner.bridge.proxies import is_proxy
from sandbox.inner.checker.asserts import rewritten
from sandbox.inner.checker.namespaces import Namespace
from sandbox.inner.checker.reporting import remember
from sandbox.inner.checker.test_imports import is_standard
from sandbox.inner.checker.under_pytest import run_under_pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sandbox.inner.checker.reporting import Reports


def run_test_file(check: Mapping[str, Any], module: str, reports: Reports) -> None:
    """Run every test of one file and report each.

    Args:
        check: `path`, `source`, and `entry_point`, the function that `check(candidate)` is called with.
        module: where `entry_point` is, and names that the file uses without importing them.
        reports: takes the results.
    """
    path, source = check["path"], check["source"]
    before = reports.count
    try:
        tree = rewritten(source, path)
    except (SyntaxError, ValueError, RecursionError) as error:
        reports.result(path, False, f"the test file can't be read: {error}")
        return
    if needs_pytest(tree):
        run_under_pytest(path, source, reports)
    else:
        _run_plainly(tree, check, module, reports)
    if reports.count == before:
        reports.result(
            path,
            False,
            "no test ran: the file has no test_ function, TestCase, check() or assert, or all were skipped",
        )


def needs_pytest(tree: ast.Module) -> bool:
    """Whether a test file imports pytest, or has tests with parameters, which only pytest can fill."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import) and any(
            alias.name.partition(".")[0] == "pytest" for alias in node.names
        ):
            return True
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "pytest":
            return True
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    return any(
        node.args.args and not node.args.defaults for node in functions if node.name.startswith("test")
    )


def _run_plainly(tree: ast.Module, check: Mapping[str, Any], module: str, reports: Reports) -> None:
    path, entry_point = check["path"], check["entry_point"]
    reports.begin(path)
    try:
        space = _load(tree, check, module)
    except BaseException as error:  # noqa: BLE001 - whatever stops the file is its result
        reports.failure(path, error)
        return
    if any(isinstance(node, ast.If) and _is_rewritten(node) for node in _top_level(tree)):
        reports.result(path, True)
    if entry_point and inspect.isfunction(space.get("check")):
        with reports.attempt(f"{path}::check({entry_point})"):
            space["check"](getattr(importlib.import_module(module), entry_point))
    for name, test in _tests(space):
        with reports.attempt(f"{path}::{name}"):
            _call(test)
    run_under_unittest(path, space, reports)


def _load(tree: ast.Module, check: Mapping[str, Any], module: str) -> dict[str, Any]:
    path = check["path"]
    remember(path, check["source"])
    stem = os.path.splitext(os.path.basename(path))[0]
    loaded = types.ModuleType(f"tests_of_{stem}" if stem in sys.modules or is_standard(stem) else stem)
    sys.modules[loaded.__name__] = loaded  # dataclasses and pickle look a class's module up
    space = Namespace(module, loaded.__name__, entry_point=check["entry_point"])
    space["__file__"] = os.path.abspath(path)
    space.prepare(tree)
    exec(compile(tree, path, "exec", dont_inherit=True), space)
    vars(loaded).update(space)
    return space


def _top_level(tree: ast.Module) -> Iterator[ast.AST]:
    """Statements that run when the module is loaded."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            waiting.extend(ast.iter_child_nodes(node))


def _is_rewritten(node: ast.If) -> bool:
    return bool(node.body) and isinstance(node.body[0], ast.Raise) and isinstance(node.body[0].exc, ast.Call)


def _tests(space: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Test functions, and the methods of plain Test classes, in the order of the file."""
    for name, value in list(space.items()):
        if is_proxy(value):
            continue  # a candidate's class may be called Test…
        if name.startswith("test") and inspect.isfunction(value):
            yield name, value
        elif name.startswith("Test") and inspect.isclass(value) and not hasattr(value, "assertEqual"):
            for method in vars(value):
                if method.startswith("test"):
                    yield f"{name}::{method}", _method(value, method)


def _method(cls: type, name: str) -> Callable[[], object]:
    def run() -> None:
        instance = cls()
        getattr(instance, "setup_method", lambda: None)()
        try:
            _call(getattr(instance, name))
        finally:
            getattr(instance, "teardown_method", lambda: None)()

    return run


def _call(test: Callable[[], object]) -> None:
    made = test()
    if inspect.iscoroutine(made):
        import asyncio  # heavy, and few tests are asynchronous

        asyncio.run(made)


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
