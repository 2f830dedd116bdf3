"""Walk a tree below a descriptor, over no link or mount point.

Docker containers load this too: standard library alone, Python 3.8 or newer.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Optional, Tuple  # noqa: UP035 - for Python 3.8

from sandbox.files.resolve_beneath import FOLDER, Beneath

WalkedEntry = Tuple[str, Optional[os.stat_result]]  # noqa: UP006, UP045 - evaluated by Python 3.8


def walk_tree(below: Beneath, ignored: Callable[[str], bool]) -> Iterator[WalkedEntry]:
    """Yield path and stat of each entry but folders; no stat if it is inaccessible.

    Skips anything called `.git`, and each path that `ignored` returns True for; a folder's ends with a slash.
    """
    pending = [""]
    while pending:
        base = pending.pop()
        try:
            folder = below.open(base or ".", FOLDER)
        except OSError:  # removed meanwhile, or closed to its own uid
            yield base, None
            continue
        try:
            try:
                device = os.stat(".", dir_fd=folder).st_dev
            except OSError:  # its entries can't be examined
                yield base, None
                continue
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name == ".git":
                        continue
                    path = f"{base}/{entry.name}" if base else entry.name
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:
                        continue
                    except OSError:  # the folder became inaccessible just now
                        if not ignored(path):
                            yield path, None
                        continue
                    if stat.S_ISDIR(status.st_mode):
                        if status.st_dev == device and not ignored(f"{path}/"):
                            pending.append(path)
                    elif not ignored(path):
                        yield path, status
        finally:
            os.close(folder)
