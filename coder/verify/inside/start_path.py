"""Take the workspace's folders of PYTHONPATH off the path until the testing tools are imported.

In the sandbox's archive with reporter.py; standard library only. A program that imports this file first
imports no module from those folders, where a change could shadow the standard library or pytest. Until then
no garbage is collected, and later collections, of which pytest makes ten, skip the imported modules.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib.machinery import PathFinder

FOLDER = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
"""Folder of the archive with this file."""
ROOT = os.path.dirname(FOLDER)
"""The workspace."""
_PYTHONPATH_FOLDERS = {os.path.realpath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
_REMOVED = [
    path
    for path in sys.path[1:]
    if os.path.realpath(path) in _PYTHONPATH_FOLDERS
    and f"{os.path.realpath(path)}{os.sep}".startswith(ROOT + os.sep)
]
_REMOVED_FOLDERS = tuple(_REMOVED)
_STANDARD_LIBRARY = os.path.dirname(os.__file__) + os.sep
_TEST_RUNNERS = ("pytest", "_pytest")
"""Packages that decide the results; tests must import the same packages that run them."""
sys.path[1:] = [path for path in sys.path[1:] if path not in _REMOVED]
gc.disable()


def restore() -> None:
    """Put the removed folders back on the path; enable garbage collection, without the imports so far."""
    sys.path[1:1] = _REMOVED
    _REMOVED.clear()
    if hasattr(gc, "freeze"):  # CPython's
        gc.freeze()
    gc.enable()


def drop_shadowed() -> None:
    """Forget modules that pytest imported from packages that the project shadows; tests expect its own.

    pytest keeps its references. Modules of the standard library stay, even if the project shadows them.
    """
    folders = [sys.path[0], *_REMOVED_FOLDERS]
    for name in {name.partition(".")[0] for name in sys.modules}.difference(_TEST_RUNNERS):
        if not _is_installed(name):
            continue
        spec = PathFinder.find_spec(name, folders)
        if spec is not None and spec.loader is not None:  # without a loader, it is only a folder of this name
            for module in [key for key in sys.modules if key.partition(".")[0] == name]:
                del sys.modules[module]


def _is_installed(name: str) -> bool:
    """Return whether a module was imported from installed packages."""
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    is_standard = file.startswith(_STANDARD_LIBRARY) and "-packages" + os.sep not in file
    return bool(file) and not is_standard and not file.startswith(FOLDER + os.sep)
