"""Broken setup: pytest ends before its first test, by what no answer may change: a conftest.py, a plugin."""

import re
from pathlib import PurePosixPath

from coder.run.state import State
from coder.run.target import Target, decides
from coder.verify.test_command import TestRun

_INTERNAL, _USAGE = 3, 4
"""Exit codes of pytest."""
_AT = re.compile(r'^(?:INTERNALERROR>\s+File "([^"\n]+)", line (\d+)|(\S+):(\d+): in )', re.MULTILINE)
"""A place in the traceback, as pytest words it for an error of its own and for a conftest.py."""
_ERROR = re.compile(r"^(?:INTERNALERROR>|E  ) (\w[\w.]*(?:Error|Exception|Exit|Warning)\b.*)$", re.MULTILINE)
_NOT_THERE = re.compile(r"^(?:ModuleNotFoundError|ImportError)\b")


def broken_setup(run: TestRun, state: State, target: Target) -> str | None:
    """Where and why it broke; None where an answer may have to do with it, or nothing broke so.

    It may where the traceback goes through a file that an answer can write, where the file that broke names
    one, and where a module is missing, which it could write.
    """
    if run.lines or run.result.exit_code not in (_INTERNAL, _USAGE):
        return None
    said = f"{run.result.stdout}\n{run.result.stderr}"
    errors = _ERROR.findall(said)
    if not errors or _NOT_THERE.match(errors[-1]):
        return None
    places = [(_path(match[1] or match[3], state), match[2] or match[4]) for match in _AT.finditer(said)]
    own = [(path, line) for path, line in places if path is not None]
    writable = [path for path in state.files if not decides(path, state.task, target)]
    if any(path in writable or _names(state, path, writable) for path, _ in own):
        return None
    where = "{}, line {}: ".format(*own[-1]) if own else ""
    return f"{where}{errors[-1]}"


def _path(said: str, state: State) -> str | None:
    """The file of the user's folder that a path of the traceback means."""
    parts = PurePosixPath(said).parts
    tails = ("/".join(parts[i:]) for i in range(len(parts)))
    return next((tail for tail in tails if tail in state.files), None)


def _names(state: State, path: str, others: list[str]) -> bool:
    """Whether a file has the name of one of the others in it, be it as a module or in a string."""
    words = set(re.findall(r"\w+", state.files[path].text or ""))
    return any(PurePosixPath(other).name.partition(".")[0] in words for other in others)
