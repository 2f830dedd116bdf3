"""The packages of the task's interpreter on sys.path, as `site` puts them there, in two steps.

The server does the first one, once for all runs: it only reads. Lines of .pth files that begin with `import`
and sitecustomize are code of the task's environment: they are left for each run, inside its walls.
"""

from __future__ import annotations

import os
import site
import sys
import traceback
from importlib.machinery import PathFinder

from sandbox.inner.root import VENV

_NEWEST = (3, 14)
"""Up to here we have read how `site` runs such lines; with a newer Python each run does it all."""


class Site:
    """What `site` has done, and what is left of it."""

    def __init__(self) -> None:
        self._lines: list[tuple[str, str]] = []
        self._customized = True
        self._read = sys.version_info[:2] <= _NEWEST
        if os.path.isdir(VENV):
            sys.executable = f"{VENV}/bin/python"
            if sys.version_info >= (3, 14):
                sys.prefix = sys.exec_prefix = VENV  # older ones set it in site itself
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
        self._customized = bool(self._lines) or _brings_customize()

    def _keep(self, line: str) -> None:
        """Stands for exec() in `site.addpackage`."""
        self._lines.append((line, sys._getframe(1).f_locals["sitedir"]))

    def finish(self) -> None:
        """Run the environment's code. What goes wrong there is shown, and stops nothing, as with Python."""
        if not self._read:
            site.main()
            return
        for line, sitedir in self._lines:
            try:
                _execute(line, sitedir)
            except Exception:  # noqa: BLE001 - code that nobody has read may raise anything
                traceback.print_exc()
        if self._customized:
            site.execsitecustomize()


def _execute(line: str, sitedir: str) -> None:
    """`sitedir` is for the lines that setuptools writes: they look it up in this frame."""
    exec(line, vars(site), {})


def _brings_customize() -> bool:
    """Whether there is a sitecustomize, so that runs without one need not look for it.

    One beside the standard library is the interpreter's own: what the server is made of. It is run now.
    """
    found = PathFinder.find_spec("sitecustomize")
    if found is None or found.origin is None:
        return found is not None
    if os.path.dirname(found.origin) != os.path.dirname(os.__file__):
        return True
    site.execsitecustomize()
    return False
