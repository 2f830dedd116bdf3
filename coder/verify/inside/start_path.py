"""Put the workspace's folders of PYTHONPATH aside until the tools of testing are imported.

In the sandbox's archive with reporter.py; standard library only. Whoever imports this first takes no module
from those folders, where a change could bring one in the place of the standard library's or of pytest's.
"""

import os
import sys

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
sys.path[1:] = [path for path in sys.path[1:] if path not in _ASIDE]


def restore() -> None:
    """Have those folders on the path again."""
    sys.path[1:1] = _ASIDE
    _ASIDE.clear()
