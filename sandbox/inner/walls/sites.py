"""Put the packages of the task's interpreter on sys.path, as `site` does, in two steps.

The server does the first, which only reads, once for all runs. Lines of .pth files that begin with `import`,
and sitecustomize, are code of the environment: each run executes them inside its walls.
"""

from __future__ import annotations

import os
import select
import signal
import site
import sys
import time
import traceback
from collections.abc import Callable
from importlib.machinery import PathFinder

from sandbox.inner.walls.places import VENV
from sandbox.inner.walls.syscalls import fork

_NEWEST = (3, 14)
"""Newest Python with a known `site`; with a newer one each run does everything."""
_ALONE = b"one thread"


class Site:
    """The remaining work of `site`."""

    def __init__(self, venv: str = VENV) -> None:
        """`venv` is the path of a virtual environment, if it exists."""
        self._lines: list[tuple[str, str]] = []
        self._customized = True
        self._read = sys.version_info[:2] <= _NEWEST
        self._has_venv = os.path.isdir(venv)
        if self._has_venv:
            sys.executable = f"{venv}/bin/python"
            if sys.version_info >= (3, 14):
                sys.prefix = sys.exec_prefix = venv  # older versions set it in site itself
        if self._read:
            self._read_only()

    def _read_only(self) -> None:
        names = vars(site)
        customize = names["execsitecustomize"]
        names.update(exec=self._keep, execsitecustomize=lambda: None)
        try:
            site.main()
        finally:
            del names["exec"]
            names["execsitecustomize"] = customize
        self._customized = bool(self._lines) or PathFinder.find_spec("sitecustomize") is not None

    def _keep(self, line: str) -> None:
        """Replaces exec() in `site.addpackage`."""
        self._lines.append((line, sys._getframe(1).f_locals["sitedir"]))

    def settle(self) -> None:
        """Run the code of the base interpreter's own packages here, once for all runs.

        The server runs that interpreter, so it trusts them as the standard library, unless they could import
        from a virtual environment. Code that fails, prints, or starts a thread is left to each run.
        """
        if self._read and self._customized and not self._has_venv and leaves_nothing(self.finish):
            self.finish()
            self._lines, self._customized = [], False

    def finish(self) -> None:
        """Run the environment's code; print errors as Python does."""
        if not self._read:
            site.main()
            return
        for line, sitedir in self._lines:
            try:
                _execute(line, sitedir)
            except Exception:  # noqa: BLE001 - untrusted code may raise anything
                traceback.print_exc()
        if self._customized:
            site.execsitecustomize()


def _execute(line: str, sitedir: str) -> None:
    """Execute a line in a frame with `sitedir`, which setuptools' lines look up."""
    exec(line, vars(site), {})


def leaves_nothing(work: Callable[[], None], *, patience_s: float = 2.0) -> bool:
    """Try it in a fork: whether it ends in time, prints nothing and leaves one thread."""
    reading, writing = os.pipe()
    child = fork()
    if child == 0:
        for descriptor in (1, 2):
            os.dup2(writing, descriptor)
        try:
            work()
            sys.stdout.flush()
            os.write(writing, _ALONE if len(os.listdir("/proc/self/task")) == 1 else b"")
        finally:
            os._exit(0)
    os.close(writing)
    said, deadline = b"", time.monotonic() + patience_s
    while len(said) <= len(_ALONE):
        if not select.select([reading], [], [], max(0, deadline - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            break
        piece = os.read(reading, len(_ALONE) + 1)
        said += piece
        if not piece:
            break
    os.close(reading)
    return said == _ALONE
