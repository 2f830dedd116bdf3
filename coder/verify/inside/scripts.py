"""Run Python for a test command that is a script: python_in_scripts.sh stands for the interpreter.

In the sandbox's archive with reporter.py; standard library only. What is run is sent to keeper.py before the
code under test is there, so that it can be run away from it. An exit that isn't the tests' own makes the exit
code 1.

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
_JOINED = re.compile(r"-([bBdOqRsuv]*)([cm])(.*)$", re.DOTALL)
_WITHOUT_EFFECT = re.compile(r"-[Bqu]+$")
"""Options that change nothing of what a program does."""
_TESTS = (["-m", "pytest"], ["-m", "unittest"])
_MOST = 100_000
"""Characters of a program."""
_SHELLS_OWN = {"_", "SHLVL", "PWD", "OLDPWD", "PATH", "MAKEFLAGS", "MAKELEVEL", "MFLAGS", "MAKE_TERMERR"}
"""Variables that a shell or make sets for each command."""


def main(name: str, args: list[str]) -> int:
    """Run a command line of Python's; return its exit code."""
    if name in ("pytest", "py.test"):
        return _tests(["-m", "pytest", *args])
    flags, rest = _parted(args)
    if rest[:1] == ["-c"] and len(rest) > 1:
        return _source(rest[1], "<string>", ["-c", *rest[2:]], flags, args)
    if rest[:1] in ([], ["-"]) and not sys.stdin.isatty() and all(map(_WITHOUT_EFFECT.match, flags)):
        return _source(sys.stdin.read(), "<stdin>", rest or [""], flags, args)
    if rest[:2] in _TESTS and not flags:
        return _tests(rest)
    if rest and rest[0].endswith(".py"):
        _tell(path=os.path.relpath(rest[0]), arguments=len(rest) - 1)
        if not flags:
            return _tests(rest)
    elif rest[:1] == ["-m"] and len(rest) > 1:
        _tell(module=rest[1], arguments=len(rest) - 2)
    return _directly(args)


def _directly(args: list[str]) -> int:
    os.execv(sys.executable, [sys.executable, *args])
    return 127


def _parted(args: list[str]) -> tuple[list[str], list[str]]:
    """The interpreter's own options, and the rest."""
    i = 0
    while i < len(args) and _FLAGS.match(args[i]):
        i += 2 if args[i] in ("-X", "-W") else 1
    joined = _JOINED.match(args[i]) if i < len(args) else None
    if joined is not None:
        flags, rest = [f"-{joined[1]}"] * bool(joined[1]), [joined[3]] * bool(joined[3])
        return [*args[:i], *flags], [f"-{joined[2]}", *rest, *args[i + 1 :]]
    return args[:i], args[i:]


def redirected(args: list[str]) -> list[str]:
    """The arguments with which an interpreter runs pytest or unittest through this file; empty for others.

    Args:
        args: those of an interpreter that was called by its path, or by that of its pytest.
    """
    flags, rest = _parted(args)
    own = [os.path.join(start_path.FOLDER, "launch"), "scripts"]
    if rest[:2] in _TESTS:
        return [*flags, *own, "python", *rest]
    if rest and os.path.basename(rest[0]) in ("pytest", "py.test"):
        return [*flags, *own, "pytest", *rest[1:]]
    return []


def _source(source: str, filename: str, argv: list[str], flags: list[str], args: list[str]) -> int:
    """Run a program that the command line or the standard input has."""
    _tell(source=source, arguments=len(argv) - 1)
    if not all(map(_WITHOUT_EFFECT.match, flags)):
        return _directly(args)
    import reporter  # type: ignore[import-not-found]  # beside this file; many commands don't need it

    start_path.restore()

    reporter.guard_exits([])
    del sys.modules["reporter"]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    sys.argv, sys.path[0] = argv, ""
    exec(compile(source, filename, "exec", dont_inherit=True), vars(main))
    sys.stdout.flush()
    return 0


def _tests(args: list[str]) -> int:
    import reporter

    if args[:2] in _TESTS:
        os.environ["CODER_IN_TESTS"] = "1"  # what they start is theirs

    del sys.modules["reporter"]
    return int(reporter.main_of_script(args, lambda setup: _tell_call(args[2:], setup)))


def _tell(**program: Any) -> None:
    """Send what is run, and whether that was in another folder or with other variables than the script."""
    changed, folder = _changed(), os.environ.get("CODER_FOLDER")
    _send(program={**program, "prepared": changed != {} or folder != os.getcwd()})


def _tell_call(arguments: list[str], setup: dict[str, Any]) -> None:
    """Send a call of pytest, with all that it takes to repeat it."""
    changed, root = _changed(), os.environ.get("CODER_FOLDER", "")
    folder = os.path.relpath(os.getcwd(), root or None)
    if changed is not None and root and folder.partition("/")[0] != "..":
        called = {"python": sys.executable, "folder": folder, "arguments": arguments}
        _send(call={**called, "environment": changed, "setup": setup})


def _send(**row: Any) -> None:
    content = json.dumps(row)
    try:
        rows = int(os.environ["CODER_ROWS"])
        if stat.S_ISSOCK(os.fstat(rows).st_mode) and len(content) < _MOST:
            os.write(rows, content.encode())
    except (KeyError, ValueError, OSError):
        return  # a tool between the command and this one closes what it doesn't know


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Variables without those that a shell or make sets for each command, and without ours."""
    return {
        name: value for name, value in environ.items() if name not in _SHELLS_OWN and name[:6] != "CODER_"
    }


def _changed() -> dict[str, str] | None:
    """Variables that are set for this command; None where that isn't known, or some are missing."""
    try:
        before = json.loads(os.environ["CODER_ENVIRONMENT"])
    except (KeyError, ValueError):
        return None
    now = environment(os.environ)
    if not before.keys() <= now.keys():
        return None
    return {name: value for name, value in now.items() if before.get(name) != value}
