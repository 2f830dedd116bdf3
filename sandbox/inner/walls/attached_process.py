"""Show the host's folders, such as `node_modules`, read-only in a workspace.

The outer wall shows each below /opt; here it is mounted in a workspace, never over a symlink.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sandbox.inner.walls.places import ATTACHED
from sandbox.inner.walls.syscalls import MS_BIND, MS_REC, mount

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def attach(workspace: str, places: Sequence[str]) -> None:
    """Mount the folders at relative paths in a workspace, in order; create missing paths."""
    for number, place in enumerate(places):
        folder = os.open(workspace, _FOLDER)
        for part in place.split("/"):
            if not os.path.lexists(f"/proc/self/fd/{folder}/{part}"):
                os.mkdir(part, 0o755, dir_fd=folder)
            deeper = os.open(part, _FOLDER, dir_fd=folder)
            os.close(folder)
            folder = deeper
        mount(f"{ATTACHED}{number}", f"/proc/self/fd/{folder}", None, MS_BIND | MS_REC)
        os.close(folder)
