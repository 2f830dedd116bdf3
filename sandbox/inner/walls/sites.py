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
from collections.abc import Callable
from importlib.machinery import PathFinder

from sandbox.inner.walls.places import VENV
from sandbox.inner.walls.syscalls import fork

_NEWEST_PYTHON = (3, 14)
"""Newest Python whose `site` is known; with a newer one each run does both steps."""
_ONE_THREAD = b"one thread"


class Site:
    """The second step of `site`: code of the environment that wasn't run yet."""

    def __init__(self, venv: str = VENV) -> None:
        """`venv` is the path of a virtual environment, if it exists."""
        self._lines: list[tuple[str, str]] = []
        self._has_customization = True
        self._has_known_site = sys.version_info[:2] <= _NEWEST_PYTHON
        self._has_venv = os.path.isdir(venv)
        if self._has_venv:
            sys.executable = f"{venv}/bin/python"
            if sys.version_info >= (3, 14):
                sys.prefix = sys.exec_prefix = venv  # older versions set it in site itself
        if self._has_known_site:
            self._collect_lines()

    def _collect_lines(self) -> None:
        names = vars(site)
        customize = names["execsitecustomize"]
        names.update(exec=self._keep_line, execsitecustomize=lambda: None)
        try:
            site.main()
        finally:
            del names["exec"]
            names["execsitecustomize"] = customize
        self._has_customization = bool(self._lines) or PathFinder.find_spec("sitecustomize") is not None

    def _keep_line(self, line: str) -> None:
        """Record a line; replaces exec() in `site.addpackage`."""
        self._lines.append((line, sys._getframe(1).f_locals["sitedir"]))

    def settle(self) -> None:
        """Run the code of the base interpreter's own packages here, once for all runs.

        The server runs that interpreter, so it trusts them as the standard library, unless they could import
        from a virtual environment. Code that fails, prints, or starts a thread is left to each run.
        """
        if (
            self._has_known_site
            and self._has_customization
            and not self._has_venv
            and has_no_effects(self.finish)
        ):
            self.finish()
            self._lines, self._has_customization = [], False

    def finish(self) -> None:
        """Run the environment's code; print errors as Python does."""
        if not self._has_known_site:
            site.main()
            return
        for line, sitedir in self._lines:
            try:
                _execute(line, sitedir)
            except Exception:  # noqa: BLE001 - untrusted code may raise anything
                import traceback  # here: few lines fail

                traceback.print_exc()
        if self._has_customization:
            site.execsitecustomize()


def _execute(line: str, sitedir: str) -> None:
    """Execute a line in a frame with `sitedir`, which setuptools' lines look up."""
    exec(line, vars(site), {})


def has_no_effects(call: Callable[[], None], *, patience_s: float = 2.0) -> bool:
    """Run `call` in a fork; return whether it ends in time, prints nothing and leaves one thread."""
    read_end, write_end = os.pipe()
    child = fork()
    if child == 0:
        for descriptor in (1, 2):
            os.dup2(write_end, descriptor)
        try:
            call()
            sys.stdout.flush()
            os.write(write_end, _ONE_THREAD if len(os.listdir("/proc/self/task")) == 1 else b"")
        finally:
            os._exit(0)
    os.close(write_end)
    output, deadline = b"", time.monotonic() + patience_s
    while len(output) <= len(_ONE_THREAD):
        if not select.select([read_end], [], [], max(0, deadline - time.monotonic()))[0]:
            os.kill(child, signal.SIGKILL)
            break
        piece = os.read(read_end, len(_ONE_THREAD) + 1)
        output += piece
        if not piece:
            break
    os.close(read_end)
    return output == _ONE_THREAD
