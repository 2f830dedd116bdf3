"""List what lies below a root, whatever a program has named it and however deep it is.

Standard library only, any Python from 3.8 on: Docker's backend has it inside.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from sandbox.files.resolve_beneath import FOLDER, PATH_MAX, Beneath, is_attached


def walk(below: Beneath, *, deepest: int = PATH_MAX) -> Iterator[tuple[str, bool]]:
    """Path of whatever is no folder, and whether it is a regular file with a name that can be read.

    What lies deeper than `deepest` folders is named by its folder, and so is one that can't be listed.
    """
    waiting = [""]
    while waiting:
        base = waiting.pop()
        try:
            folder = below.open(base or ".", FOLDER)
        except OSError:  # gone meanwhile, or closed to its own uid
            yield base, False
            continue
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    path = f"{base}/{entry.name}" if base else entry.name
                    if not _is_text(path) or len(os.fsencode(path)) >= PATH_MAX:
                        yield path, False
                    elif not entry.is_dir(follow_symlinks=False):
                        yield path, entry.is_file(follow_symlinks=False)
                    elif is_attached(folder, entry.name):
                        continue
                    elif path.count("/") < deepest:
                        waiting.append(path)
                    else:
                        yield path, False
        finally:
            os.close(folder)


def _is_text(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
