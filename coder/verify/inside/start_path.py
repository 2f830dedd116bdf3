"""Put the workspace's folders of PYTHONPATH aside until the tools of testing are imported.

In the sandbox's archive with reporter.py; standard library only. Whoever imports this first takes no module
from those folders, where a change could bring one in the place of the standard library's or of pytest's.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder

FOLDER = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
"""Holds the archive with this file."""
ROOT = os.path.dirname(FOLDER)
"""The workspace."""
_NAMED = {os.path.realpath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
_ASIDE = [
    path
    for path in sys.path[1:]
    if os.path.realpath(path) in _NAMED and f"{os.path.realpath(path)}{os.sep}".startswith(ROOT + os.sep)
]
_FOLDERS = tuple(_ASIDE)
_STANDARD = os.path.dirname(os.__file__) + os.sep
_RUNNERS = ("pytest", "_pytest")
"""They decide, and tests that import them mean those that run them."""
sys.path[1:] = [path for path in sys.path[1:] if path not in _ASIDE]


def restore() -> None:
    """Have those folders on the path again."""
    sys.path[1:1] = _ASIDE
    _ASIDE.clear()


def drop_shadowed() -> None:
    """Forget what pytest imported of packages that the project itself has: its tests mean its own.

    pytest keeps what it imported. Modules of the standard library stay, whatever the project has.
    """
    folders = [sys.path[0], *_FOLDERS]
    for name in {name.partition(".")[0] for name in sys.modules}.difference(_RUNNERS):
        if not _is_installed(name):
            continue
        spec = PathFinder.find_spec(name, folders)
        if spec is not None and spec.loader is not None:  # else a folder that happens to have this name
            for module in [one for one in sys.modules if one.partition(".")[0] == name]:
                del sys.modules[module]


def _is_installed(name: str) -> bool:
    """Whether a module was imported from installed packages."""
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    is_standard = file.startswith(_STANDARD) and "-packages" + os.sep not in file
    return bool(file) and not is_standard and not file.startswith(FOLDER + os.sep)
