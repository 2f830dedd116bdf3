"""Put the workspace's folders of PYTHONPATH aside until the tools of testing are imported.

Copied beside reporter.py into the sandbox; standard library only. Whoever imports this first takes no module
from those folders, where a change could bring one in the place of the standard library's or of pytest's.
"""

import os
import sys

_ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__))) + os.sep
_NAMED = {os.path.realpath(path) for path in os.environ.get("PYTHONPATH", "").split(os.pathsep)}
_ASIDE = [
    path
    for path in sys.path[1:]
    if os.path.realpath(path) in _NAMED and f"{os.path.realpath(path)}{os.sep}".startswith(_ROOT)
]
sys.path[1:] = [path for path in sys.path[1:] if path not in _ASIDE]


def restore() -> None:
    """Have those folders on the path again."""
    sys.path[1:1] = _ASIDE
    _ASIDE.clear()
