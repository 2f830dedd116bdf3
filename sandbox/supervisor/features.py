"""Find out which walls a program can put up around itself on this machine, by trying each in a process.

Run as `python -I -S -c … UID` with an empty package `sandbox`, as a keeper is.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from sandbox.inner.walls import landlock
from sandbox.inner.walls.syscalls import PR_SET_NO_NEW_PRIVS, checked, prctl
from sandbox.supervisor.launch import step_down

_TRY = """\
import sys
sandbox = sys.modules["sandbox"] = type(sys)("sandbox")
sandbox.__path__ = [{0!r}]
from sandbox.supervisor.features import main
main()
"""
_TRY_S = 20.0


@dataclass(frozen=True, slots=True)
class Features:
    """Walls that work on this machine."""

    landlock: int = 0
    """ABI of Landlock; 0 if it confines nothing."""
    seccomp: bool = False
    """Whether a system call filter that denies sockets can be loaded."""
    uid: bool = False
    """Whether a process can switch to the requested uid."""


@cache
def try_features(uid: int) -> Features:
    """Try each wall, and the switch to another uid; once per process."""
    from sandbox.interpreter.interpreter import library_variables  # the program that tries needs none of it

    source = _TRY.format(str(Path(__file__).parents[1]))
    command = [sys.executable, "-I", "-S", "-c", source, str(uid)]
    tried = subprocess.run(
        command, stdout=subprocess.PIPE, timeout=_TRY_S, check=True, env=library_variables(), cwd="/"
    )
    return Features(**json.loads(tried.stdout))


def main() -> None:
    """Try everything and print the result."""
    uid = int(sys.argv[1])
    abi = landlock.abi()
    features = Features(
        landlock=abi if _works(lambda: _confine(lambda: landlock.restrict([], version=abi))) else 0,
        seccomp=_works(lambda: _confine(_load_filter)),
        uid=_works(lambda: step_down(uid)),
    )
    print(json.dumps(asdict(features)))


def _confine(build: Callable[[], None]) -> None:
    checked(prctl(PR_SET_NO_NEW_PRIVS, 1), "no_new_privs")
    build()


def _load_filter() -> None:
    landlock.Filter(landlock.filter_file(memfd=False, sockets=False)).load()


def _works(attempt: Callable[[], None]) -> bool:
    """Whether a child process that tries it exits without an error."""
    child = os.fork()
    if child == 0:
        try:
            attempt()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0
