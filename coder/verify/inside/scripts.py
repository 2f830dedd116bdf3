"""Run Python for a test command that is a script: python_in_scripts.sh replaces the interpreter.

In the sandbox's archive with reporter.py; standard library only. The source of a run is sent to keeper.py
before the code under test is loaded, so that it can be repeated apart from that code. An exit by other code
than the tests makes the exit code 1.

    python3 launch scripts NAME ARGS…       NAME is python, python3, pytest or py.test
"""

from __future__ import annotations

import start_path  # type: ignore[import-not-found]  # beside this file, and first

# isort: split
import json
import os
import re
import stat
import sys
import types
from collections.abc import Mapping
from typing import Any

_FLAGS = re.compile(r"-[bBdOqRsuv]+$|-[XW]")
_COMBINED_OPTION = re.compile(r"-([bBdOqRsuv]*)([cm])(.*)$", re.DOTALL)
_NEUTRAL_OPTION = re.compile(r"-[Bqu]+$")
"""Options without an effect on the program."""
_TEST_RUNNERS = (["-m", "pytest"], ["-m", "unittest"])
_MAX_CHARACTERS = 100_000
"""Longest program in characters."""
_SHELL_VARIABLES = {"_", "SHLVL", "PWD", "OLDPWD", "PATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKE_TERMERR"}
"""Variables that a shell or make sets for each command."""


def main(name: str, args: list[str]) -> int:
    """Run a command line of Python; return its exit code."""
    if name in ("pytest", "py.test"):
        return _run_tests(["-m", "pytest", *args])
    flags, program_words = _split_options(args)
    if program_words[:1] == ["-c"] and len(program_words) > 1:
        return _run_source(program_words[1], "<string>", ["-c", *program_words[2:]], flags, args)
    if program_words[:1] in ([], ["-"]) and not sys.stdin.isatty() and all(map(_NEUTRAL_OPTION.match, flags)):
        return _run_source(sys.stdin.read(), "<stdin>", program_words or [""], flags, args)
    if program_words[:2] in _TEST_RUNNERS and not flags:
        return _run_tests(program_words)
    if program_words and program_words[0].endswith(".py"):
        _send_program(path=os.path.relpath(program_words[0]), arguments=len(program_words) - 1)
        if not flags:
            return _run_tests(program_words)
    elif program_words[:1] == ["-m"] and len(program_words) > 1:
        _send_program(module=program_words[1], arguments=len(program_words) - 2)
    return _exec_python(args)


def _exec_python(args: list[str]) -> int:
    os.execv(sys.executable, [sys.executable, *args])
    return 127


def _split_options(args: list[str]) -> tuple[list[str], list[str]]:
    """Split a command line into the interpreter's own options and the other words."""
    index = 0
    while index < len(args) and _FLAGS.match(args[index]):
        index += 2 if args[index] in ("-X", "-W") else 1
    combined = _COMBINED_OPTION.match(args[index]) if index < len(args) else None
    if combined is not None:
        flags, program_words = [f"-{combined[1]}"] * bool(combined[1]), [combined[3]] * bool(combined[3])
        return [*args[:index], *flags], [f"-{combined[2]}", *program_words, *args[index + 1 :]]
    return args[:index], args[index:]


def redirected_arguments(args: list[str]) -> list[str]:
    """Return an interpreter's arguments to run tests through this file; empty for other programs.

    Args:
        args: arguments of an interpreter that was called by its path, or by the path of its pytest.
    """
    flags, program_words = _split_options(args)
    launcher = [os.path.join(start_path.FOLDER, "launch"), "scripts"]
    if program_words[:2] in _TEST_RUNNERS:
        return [*flags, *launcher, "python", *program_words]
    if program_words and os.path.basename(program_words[0]) in ("pytest", "py.test"):
        return [*flags, *launcher, "pytest", *program_words[1:]]
    return []


def _run_source(source: str, filename: str, argv: list[str], flags: list[str], args: list[str]) -> int:
    """Run a program given on the command line or by standard input."""
    _send_program(source=source, arguments=len(argv) - 1)
    if not all(map(_NEUTRAL_OPTION.match, flags)):
        return _exec_python(args)
    import reporter  # type: ignore[import-not-found]  # beside this file; many commands don't need it

    start_path.restore()

    reporter.guard_exits([])
    del sys.modules["reporter"]
    main_module = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv, sys.path[0] = argv, ""
    exec(compile(source, filename, "exec", dont_inherit=True), vars(main_module))
    sys.stdout.flush()
    return 0


def _run_tests(args: list[str]) -> int:
    import reporter

    if args[:2] in _TEST_RUNNERS:
        os.environ["CODER_IN_TESTS"] = "1"  # programs that the tests start aren't redirected

    del sys.modules["reporter"]
    return int(reporter.main_of_script(args, lambda setup: _send_call(args[2:], setup)))


def _send_program(**program: Any) -> None:
    """Send the program that is run, and whether its folder or variables differ from the script's."""
    changed_variables, folder = _changed_variables(), os.environ.get("CODER_FOLDER")
    _send(program={**program, "prepared": changed_variables != {} or folder != os.getcwd()})


def _send_call(arguments: list[str], setup: dict[str, Any]) -> None:
    """Send a call of pytest, with all settings that are needed to repeat it."""
    changed_variables, root = _changed_variables(), os.environ.get("CODER_FOLDER", "")
    folder = os.path.relpath(os.getcwd(), root or None)
    if changed_variables is not None and root and folder.partition("/")[0] != "..":
        call = {"python": sys.executable, "folder": folder, "arguments": arguments}
        _send(call={**call, "environment": changed_variables, "setup": setup})


def _send(**row: Any) -> None:
    content = json.dumps(row)
    try:
        rows = int(os.environ["CODER_ROWS"])
        if stat.S_ISSOCK(os.fstat(rows).st_mode) and len(content) < _MAX_CHARACTERS:
            os.write(rows, content.encode())
    except (KeyError, ValueError, OSError):
        return  # a tool in between may close unknown descriptors


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables except those that a shell or make sets for each command, and ours."""
    return {
        name: value
        for name, value in environ.items()
        if name not in _SHELL_VARIABLES and name[:6] != "CODER_"
    }


def _changed_variables() -> dict[str, str] | None:
    """Return variables that are set for this command only; None if unknown, or if some were removed."""
    try:
        variables_before = json.loads(os.environ["CODER_ENVIRONMENT"])
    except (KeyError, ValueError):
        return None
    variables = environment(os.environ)
    if not variables_before.keys() <= variables.keys():
        return None
    return {name: value for name, value in variables.items() if variables_before.get(name) != value}
