"""Run checks on proxies of the candidate's modules: assertions, examples and test files.

A test file may have functions, classes, unittest, `check(candidate)`, bare assertions, or need pytest.
"""

from __future__ import annotations

import ast
import importlib
import os
import random
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from importlib.machinery import PathFinder
from typing import Any

from sandbox.inner.bridge.candidate_line import CandidateLine
from sandbox.inner.bridge.guard import Guard
from sandbox.inner.bridge.link import CandidateLink
from sandbox.inner.bridge.proxies import is_proxy
from sandbox.inner.checker.asserts import FAIL, fail, rewrite, run_example
from sandbox.inner.checker.candidate_names import Finder, Namespace, is_standard
from sandbox.inner.checker.reporting import Reports, describe_failure, is_success, register_source
from sandbox.inner.checker.under_pytest import run_under_pytest
from sandbox.inner.checker.weighed_tests import Weighing
from sandbox.inner.process.wire import Channel

_NO_TEST = "no test ran: the file has no test_ function, TestCase, check() or assert, or all were skipped"


def run_checks(channel: Channel, line: Channel | None, job: Mapping[str, Any], reports: Reports) -> None:
    """Run assertions, examples and test files, and report each.

    Args:
        line: Channel to the candidate; None if the host relays frames.
        job: `checks`, `module` (where the candidate's names are looked up), `provides` (its other modules),
            `folders` (further folders to look in), `crossing`, `wall_s`, `seed`, and `weighed`: None, or the
            fields of `Weighing`.
    """
    weighed = job["weighed"]
    candidate_line = CandidateLine(channel, line, keeps=weighed is not None)
    guard = Guard(**job["crossing"])
    guard.may_end = any("StopIteration" in check["source"] for check in job["checks"])
    link = CandidateLink(candidate_line, guard, wall_s=job["wall_s"])
    reports.link = link
    if weighed is not None:
        reports.weighing = Weighing(weighed, link)
    if job["seed"]:
        random.seed(job["seed"])
    module: str = job["module"]
    sys.path.append(os.getcwd())  # last: a test's helper must not hide a module of the standard library
    sys.meta_path.insert(0, Finder(link, module, job["provides"], job["folders"]))
    session = Namespace(module, "__main__")
    for number, check in enumerate(job["checks"]):
        reports.begin_check(number)
        if check["kind"] == "file":
            _run_file(check, module, reports)
            continue
        is_assertion = check["kind"] == "assertion"
        with reports.attempt(check["name"], check["source"] if is_assertion else ""):
            if is_assertion:
                _run_assertion(check, module, reports)
            else:  # examples share one session
                session.prepare(ast.parse(check["source"]))
                run_example(check["source"], check["want"], session)
    reports.say("exchanged", link.frame_log.digest(), True)
    reports.end(link)


def _run_assertion(check: Mapping[str, Any], module: str, reports: Reports) -> None:
    filename, source = "<check>", check["source"]
    if reports.weighing is not None:
        source = reports.weighing.replaced or source
    register_source(filename, source)
    tree = rewrite(source, filename)
    space = Namespace(module, "check", entry_point=check["entry_point"])
    space.prepare(tree)
    code = compile(tree, filename, "exec")
    with reports.traced(ast.parse(source), filename):
        try:
            exec(code, space)
        except SystemExit as error:
            if not is_success(error):
                raise


def _run_file(check: Mapping[str, Any], module: str, reports: Reports) -> None:
    path, source = check["path"], check["source"]
    count_before = reports.count
    base_folder = os.path.abspath(_split_folder(path)[0])
    if base_folder not in sys.path and os.path.isdir(base_folder):
        sys.path.append(base_folder)  # as pytest does, so that tests find the modules beside them
    try:
        tree = rewrite(source, path)
    except (SyntaxError, ValueError, RecursionError) as error:
        reports.result(path, False, f"the test file can't be read: {error}")
        return
    with reports.traced(ast.parse(source), path, os.path.abspath(path)):
        if check["as_program"]:
            _run_program(check, reports)
        elif _needs_pytest(tree) or (_has_conftest(path) and PathFinder.find_spec("pytest") is not None):
            run_under_pytest(path, source, reports)
        else:
            _run_plainly(tree, check, module, reports)
    if reports.count == count_before:
        reports.result(path, False, _NO_TEST)


def _run_program(check: Mapping[str, Any], reports: Reports) -> None:
    """Run a file as `__main__`; it fails if the candidate's code exits."""
    path, source = check["path"], check["source"]
    sys.argv = [path]
    sys.path.append(os.path.dirname(os.path.abspath(path)))
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    vars(main).update({"__file__": os.path.abspath(path), FAIL: fail})
    reports.begin(path, statement=source)
    if reports.weighing is not None:
        source = reports.weighing.replaced or source
    register_source(path, source)
    try:
        exec(compile(rewrite(source, path), path, "exec", dont_inherit=True), vars(main))
    except SystemExit as error:
        if is_success(error):
            reports.result(path, True)
        elif is_proxy(error):
            reports.failure(path, error)
        else:  # the program's own verdict
            reports.result(path, False, "\n".join(describe_failure(error)), cause="assertion")
    except BaseException as error:  # noqa: BLE001 - any exception that ends the program is its result
        reports.failure(path, error)
    else:
        reports.result(path, True)


def _needs_pytest(tree: ast.Module) -> bool:
    """Whether a test file imports pytest, or has tests with parameters, which only pytest can fill."""
    for node in ast.walk(tree):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        if "pytest" in (name.partition(".")[0] for name in names):
            return True
    functions = [node for node in tree.body if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]
    tests = [node.args for node in functions if node.name.startswith("test")]
    return any(args.args and not args.defaults for args in tests)


def _has_conftest(path: str) -> bool:
    """Whether a conftest.py is beside the file or above it: it may add to sys.path."""
    folder = os.path.dirname(path)
    parents = [folder[:i] for i, character in enumerate(folder) if character == os.sep]
    return any(os.path.exists(os.path.join(parent, "conftest.py")) for parent in ("", *parents, folder))


def _split_folder(path: str) -> tuple[str, str]:
    """Return the folder that pytest puts on the path for a test file, and the package of the file below it.

    The folder is the nearest one without an `__init__.py`.
    """
    folder, packages = os.path.dirname(path), list[str]()
    while folder and os.path.exists(os.path.join(folder, "__init__.py")):
        folder, name = os.path.split(folder)
        packages.insert(0, name)
    return folder, ".".join(packages)


def _run_plainly(tree: ast.Module, check: Mapping[str, Any], module: str, reports: Reports) -> None:
    path, entry_point = check["path"], check["entry_point"]
    reports.begin(path)
    try:
        space, asserts = _load(tree, check, module)
    except BaseException as error:  # noqa: BLE001 - any exception that stops the file is its result
        reports.failure(path, error)
        return
    if asserts:
        reports.result(path, True)
    if entry_point and isinstance(space.get("check"), types.FunctionType):
        with reports.attempt(f"{path}::check({entry_point})"):
            space["check"](getattr(importlib.import_module(module), entry_point))
    for name, test in _find_tests(space):
        if reports.leaves_out_rest:
            return
        with reports.attempt(f"{path}::{name}"):
            _call(test)
    _run_under_unittest(path, space, reports)


def _load(tree: ast.Module, check: Mapping[str, Any], module: str) -> tuple[dict[str, Any], bool]:
    """Execute a test file; return its names, and whether it has assertions outside functions."""
    path = check["path"]
    register_source(path, check["source"])
    stem = os.path.splitext(os.path.basename(path))[0]
    module_of_tests = types.ModuleType(
        f"tests_of_{stem}" if stem in sys.modules or is_standard(stem) else stem
    )
    sys.modules[module_of_tests.__name__] = module_of_tests  # dataclasses and pickle look up a class's module
    names_from = None if check["imports_alone"] else module
    space = Namespace(names_from, module_of_tests.__name__, entry_point=check["entry_point"])
    space["__file__"] = os.path.abspath(path)
    space["__package__"] = _split_folder(path)[1]
    space.prepare(tree)
    code = compile(tree, path, "exec", dont_inherit=True)
    exec(code, space)
    vars(module_of_tests).update(space)
    return space, FAIL in code.co_names


def _find_tests(space: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield test functions, and methods of Test classes other than unittest's, in file order."""
    for name, value in list(space.items()):
        if is_proxy(value):
            continue  # a candidate's class may be called Test…
        if name.startswith("test") and isinstance(value, types.FunctionType):
            yield name, value
        elif name.startswith("Test") and isinstance(value, type) and not hasattr(value, "assertEqual"):
            for method in vars(value):
                if method.startswith("test"):
                    yield f"{name}::{method}", _make_test(value, method)


def _make_test(cls: type, name: str) -> Callable[[], object]:
    def run() -> None:
        instance = cls()
        getattr(instance, "setup_method", lambda: None)()
        try:
            _call(getattr(instance, name))
        finally:
            getattr(instance, "teardown_method", lambda: None)()

    return run


def _call(test: Callable[[], object]) -> None:
    result = test()
    if isinstance(result, types.CoroutineType):
        import asyncio  # slow to import, and few tests are asynchronous

        asyncio.run(result)


def _run_under_unittest(path: str, space: dict[str, Any], reports: Reports) -> None:
    """Run the test cases of a loaded file; it has none if unittest was never imported."""
    unittest: Any = sys.modules.get("unittest")
    for value in list(space.values()) if unittest is not None else ():
        if isinstance(value, type) and issubclass(value, unittest.TestCase) and not reports.leaves_out_rest:
            unittest.TestLoader().loadTestsFromTestCase(value)(_make_result(unittest, path, reports))


def _make_result(unittest: Any, path: str, reports: Reports) -> Any:
    """Make a unittest result that reports each test."""

    def name_of(test: Any) -> str:
        return f"{path}::{type(test).__name__}::{getattr(test, '_testMethodName', test)}"

    class ReportedResult(unittest.TestResult):  # type: ignore[misc]
        def startTest(self, test: Any) -> None:
            super().startTest(test)
            if reports.leaves_out_rest:
                self.stop()  # after this test
            reports.begin(name_of(test))

        def addSuccess(self, test: Any, *_: Any) -> None:
            reports.result(name_of(test), True)

        def addError(self, test: Any, err: Any) -> None:
            reports.failure(name_of(test), err[1])

        def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
            if err is not None:
                self.addError(test, err)

        def addUnexpectedSuccess(self, test: Any) -> None:
            reports.result(name_of(test), False, "it passed, and was expected to fail")

        def addSkip(self, test: Any, reason: str) -> None:
            reports.skipped()

        def addExpectedFailure(self, test: Any, err: Any) -> None:
            reports.skipped()
            self.addSuccess(test)

        addFailure = addError

    return ReportedResult()
