"""Folders of the host that programs find in their workspace, read-only: `node_modules` is looked for there.

The outer wall shows each below /opt, with no path of the host to be seen; here it is shown once more at its
place in a workspace. A folder on the way that turns out to be a link is not followed.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from sandbox.inner.walls.places import ATTACHED
from sandbox.inner.walls.syscalls import MS_BIND, MS_REC, mount

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def attach(workspace: str, places: Sequence[str]) -> None:
    """Show the folders in a workspace, of which nobody else has the mount namespace.

    Args:
        workspace: its path.
        places: relative paths in it, in the order of the folders; they are made where they are missing.
    """
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
