"""Run a Python test command inside the sandbox, and report which tests ran and whether it ran to the end.

In the sandbox's archive with pytest_plugin.py and tamper_checks.py; standard library of Python 3.8 only. An
exit code of 0 proves nothing by itself: code under test can call `os._exit(0)`.

    python3 launch reporter CONFIG -m pytest ARGS… | -m unittest ARGS… | FILE ARGS…

CONFIG is JSON, removed once it is read: {"rows": descriptor of keeper.py, "now": path of the file that holds
the running test, "ours": paths that hold tests, "names": files and folders of the workspace, "only": names
of the tests to run, empty for all, "brought": new files, "root": the workspace, "setup": pytest's settings
before the work, or null, "proof": null, or the additions of a change and the seconds for one test, where
the first failure in the code ends all tests, "trace": whether opened files are reported,
"longest_s": seconds after which one test or import ends all, or null, "stack": path of where it was then}.
Rows are {"begin": 1}, {"setup": pytest's settings}, {"test": id, "passed": bool, "message": text, "reached":
true if the code under test caused the failure, "lack": "network" or "service" if it failed for want of one,
"exit_code": of a script that failed by it} …, {"opened": openers by path} …, {"end": code}. In a script,
whose report is never read, a failure that the exit code would hide makes it 1.
"""

from __future__ import annotations

import start_path  # type: ignore[import-not-found]  # beside this file, and first

# isort: split
import contextlib
import faulthandler
import importlib
import json
import os
import re
import runpy
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

import added_names  # type: ignore[import-not-found]  # beside this file
import file_trace  # type: ignore[import-not-found]  # beside this file
import tamper_checks  # type: ignore[import-not-found]  # beside this file
from pytest_plugin import MAX_MESSAGE, run_pytest  # type: ignore[import-not-found]
from pytest_setup import Untouched  # type: ignore[import-not-found]
from skips import Skips, is_ours  # type: ignore[import-not-found]
from unittest_run import run_unittest  # type: ignore[import-not-found]

for _beside in (
    "added_names",
    "file_trace",
    "start_path",
    "tamper_checks",
    "pytest_plugin",
    "pytest_setup",
    "skips",
    "unittest_run",
):
    del sys.modules[_beside]  # the code under test may import modules of its own with these names

_MAX_NAME_CHARACTERS = 500
_SHORT_CHARACTERS = 200
_MAX_LONG_MESSAGES = 500
_PATHS_PER_ROW = 20
"""Number of paths in a row."""


class RowReporter:
    """Sends each row at once to keeper.py, which signs it, so that a crash loses no earlier row."""

    _stack: Any = None
    """Descriptor of the file for the stack of a test that doesn't end."""

    def __init__(
        self, rows: int, now: str, find_lack: Callable[[Any], str], *, limit_s: float | None = None
    ) -> None:
        self._limit_s, self._timer = limit_s, threading.Timer(0, os.getpid)
        self._find_lack = find_lack
        self._rows = rows
        os.set_inheritable(rows, False)
        self._now = os.open(now, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._pid = os.getpid()
        self._failure_count = 0

    def write(self, **row: object) -> None:
        """Send one row; forked children of the tests send none."""
        if os.getpid() == self._pid:
            os.write(self._rows, json.dumps(row).encode())

    def end_after(self, seconds: float, stack: str) -> None:
        """End all tests once one of them, or an import, takes so long, and write its stack to a file."""
        self._longest_s, self._stack = seconds, os.open(stack, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def running(self, name: object = "", *, is_test: bool = False) -> None:
        """Record the test that runs from now on, or none; the file is overwritten each time."""
        self._timer.cancel()
        if self._stack is not None and os.getpid() == self._pid:
            faulthandler.cancel_dump_traceback_later()
            if name:  # its thread needs no lock of the interpreter, which a regular expression may hold
                faulthandler.dump_traceback_later(self._longest_s, exit=True, file=self._stack)
        if is_test and self._limit_s is not None:
            self._timer = threading.Timer(self._limit_s, self._end_late, (name,))
            self._timer.daemon = True
            self._timer.start()
        if os.getpid() == self._pid:
            content = str(name)[:_MAX_NAME_CHARACTERS].encode("utf-8", "replace")
            os.ftruncate(self._now, os.pwrite(self._now, content, 0) if content else 0)

    def _end_late(self, name: object) -> None:
        """Report this test as failed by its time limit, and end all tests."""
        self.test(name, False, f"It ran past its limit of {self._limit_s:g} s.", reached=True)
        self.write(end=1)
        os._exit(1)

    def test(
        self,
        name: object,
        passed: bool,
        message: str = "",
        *,
        reached: bool = False,
        exit_code: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Report one test's result; after many failures, messages are short.

        Args:
            exit_code: exit code of a failed script that printed the reason on stdout or stderr.
            error: the exception of a failed test, if known.
        """
        self._failure_count += not passed
        max_characters = MAX_MESSAGE if self._failure_count <= _MAX_LONG_MESSAGES else _SHORT_CHARACTERS
        extra_fields: dict[str, object] = {"reached": True} if reached else {}
        lack = self._find_lack(error) if error is not None else ""
        extra_fields.update({"lack": lack} if lack else {})
        extra_fields.update({} if exit_code is None else {"exit_code": exit_code})
        self.write(
            test=str(name)[:_MAX_NAME_CHARACTERS],
            passed=bool(passed),
            message=str(message)[-max_characters:],
            **extra_fields,
        )


class FailureReporter(RowReporter):
    """Reporter for scripts that only records whether a test failed, and prints the failure."""

    def __init__(self, tell: Callable[[dict[str, Any]], None]) -> None:
        self.failed, self._tell = False, tell
        self._pid = 0  # no process writes rows
        self._limit_s, self._timer = None, threading.Timer(0, os.getpid)

    def write(self, **row: Any) -> None:
        """Pass on pytest's settings, and drop all other rows."""
        if "setup" in row:
            self._tell(row["setup"])

    def test(
        self,
        name: object,
        passed: bool,
        message: str = "",
        *,
        reached: bool = False,
        exit_code: int | None = None,
        error: BaseException | None = None,
    ) -> None:
        """Record one test's result."""
        if not passed and not self.failed and exit_code is None:
            print(f"{name}: {message}", file=sys.stderr)
        self.failed = self.failed or not passed


def run_file(report: RowReporter, args: list[str], ours: list[str]) -> int:
    """Run one file as `__main__`, which counts as one test. A `sys.exit` outside the tests fails it."""
    sys.argv = list(args)
    sys.path[0] = os.path.dirname(os.path.abspath(args[0]))
    report.running(args[0])
    try:
        runpy.run_path(args[0], run_name="__main__")
    except SystemExit as error:
        exit_code = int(error.code) if isinstance(error.code, int) else (0 if error.code is None else 1)
        frames = traceback.extract_tb(error.__traceback__)
        raised_in = _own_code(frames[-1].filename, ours) if frames else ""
        if exit_code == 0 and raised_in:
            report.test(args[0], False, f"sys.exit() in {raised_in} ended the tests early")
            return 1
        if exit_code and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
        report.test(args[0], exit_code == 0, exit_code=exit_code or None)
        return exit_code
    except BaseException as error:  # noqa: BLE001 - whatever the test raised is its result
        traceback.print_exc()
        report.test(args[0], False, traceback.format_exc(), error=error)
        return 1
    report.test(args[0], True)
    return 0


def main(config_path: str, args: list[str]) -> int:
    """Run the command and report; return the command's exit code."""
    with open(config_path, encoding="utf-8") as file:
        config = json.load(file)
    os.unlink(config_path)
    proof = config.get("proof")
    running_path = os.path.join(config["root"], config["now"])
    root, names = config["root"], config["names"]
    added_names_of_change = added_names.AddedNames(proof["added"], names, root) if proof else None
    skips = Skips(config["ours"], names, added=added_names_of_change, root=root)
    limit_s = proof["limit_s"] if proof else None
    report = RowReporter(config["rows"], running_path, skips.find_lack, limit_s=limit_s)
    report.write(begin=1)
    if config.get("longest_s") is not None:
        report.end_after(config["longest_s"], os.path.join(root, config["stack"]))
    paths = Untouched(config["brought"], config["setup"])
    trace = file_trace.FileTrace(names, root) if config.get("trace") else None
    exit_code = _run(report, args, skips, paths, config.get("only", ()), is_proof=proof is not None)
    opened = sorted(trace.opened.items()) if trace is not None else []
    for start in range(0, len(opened), _PATHS_PER_ROW):
        report.write(opened=dict(opened[start : start + _PATHS_PER_ROW]))
    report.write(end=exit_code & 0xFF)
    return exit_code


def main_of_script(args: list[str], tell: Callable[[dict[str, Any]], None]) -> int:
    """Run a command of a user's script; return exit code 0 only if its tests ran to the end.

    Args:
        tell: called with pytest's settings.
    """
    report = FailureReporter(tell)
    names = [name for name in os.listdir(".") if not name.startswith(".")]
    ours = [name for name in names if re.match(r"(test_.*|.*_test|conftest)\.py$|tests$", name)]
    if args[0] != "-m":
        ours.append(os.path.relpath(args[0]))
    guard_exits(ours)
    with open(os.path.join(start_path.FOLDER, "brought.json"), encoding="utf-8") as file:
        paths = Untouched(json.load(file), None)
    return _run(report, args, Skips(ours, names), paths) or int(report.failed)


def guard_exits(ours: list[str]) -> None:
    """End this process with exit code 1 if the code under test leaves it other than by an exception."""
    pid, original_exit, posix = os.getpid(), os._exit, sys.modules["posix"]

    def guarded(way_out: Any) -> Any:
        def guarded_call(*args: Any) -> Any:
            caller = sys._getframe(1).f_code.co_filename
            if os.getpid() == pid and (args == (0,) if way_out is original_exit else _own_code(caller, ours)):
                os.write(2, f"{way_out.__name__} ended the tests early\n".encode())
                original_exit(1)
            return way_out(*args)

        return guarded_call

    for name in ("_exit", "execv", "execve"):
        setattr(os, name, guarded(getattr(os, name)))
        setattr(posix, name, getattr(os, name))


def _own_code(path: str, ours: list[str]) -> str:
    """Return the relative path of a workspace file that holds no tests; empty for any other file."""
    root, path = os.path.realpath(os.getcwd()) + os.sep, os.path.realpath(path)
    return path[len(root) :] if path.startswith(root) and not is_ours(path[len(root) :], ours) else ""


def _run(
    report: RowReporter,
    args: list[str],
    skips: Skips,
    untouched: Untouched,
    only: Any = (),
    *,
    is_proof: bool = False,
) -> int:
    originals = tamper_checks.deciding_objects()
    if args[:2] == ["-m", "pytest"]:
        with contextlib.suppress(ImportError):  # it may lie in a folder of PYTHONPATH
            importlib.import_module("pytest")
    start_path.restore()
    if args[:2] == ["-m", "pytest"]:
        code: int = run_pytest(report, args[2:], skips, untouched, list(only), is_proof=is_proof)
    elif args[:2] == ["-m", "unittest"]:
        sys.path[0] = os.getcwd()
        code = run_unittest(report, args[2:], skips, list(only), is_proof=is_proof)
    else:
        code = run_file(report, args, skips.ours)
    for name in tamper_checks.changed(originals):
        report.test(name, False, f"the code under test replaces {name}, and with it what decides")
    for name in tamper_checks.strangers(skips.ours, skips.root):
        report.test(name, False, f"the code under test puts another module in the place of {name}")
    sys.stdout.flush()
    sys.stderr.flush()
    return code
