"""Walk a tree below a descriptor, over no link or mount point.

Docker containers load this too: standard library alone, Python 3.8 or newer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Optional, Tuple  # noqa: UP035 - for Python 3.8

from sandbox.files.resolve_beneath import FOLDER, Beneath

Seen = Tuple[str, Optional[os.stat_result]]  # noqa: UP006, UP045 - evaluated by Python 3.8


def walk_tree(below: Beneath, ignored: Callable[[str], bool]) -> Iterator[Seen]:
    """Path and stat of each entry but folders; no stat if it is inaccessible.

    Skips anything called `.git`, and what is `ignored`: called with a path, a folder's with a final slash.
    """
    waiting = [""]
    while waiting:
        base = waiting.pop()
        try:
            folder = below.open(base or ".", FOLDER)
        except OSError:  # removed meanwhile, or closed to its own uid
            yield base, None
            continue
        try:
            try:
                device = os.stat(".", dir_fd=folder).st_dev
            except OSError:  # nothing in it can be looked at
                yield base, None
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == ".git":
                        continue
                    path = f"{base}/{entry.name}" if base else entry.name
                    try:
                        found = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    except OSError:  # the folder was closed just now
                        if not ignored(path):
                            yield path, None
                        continue
                    if stat.S_ISDIR(found.st_mode):
                        if found.st_dev == device and not ignored(f"{path}/"):
                            waiting.append(path)
                    elif not ignored(path):
                        yield path, found
        finally:
            os.close(folder)
