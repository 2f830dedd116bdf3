"""A layer over the workspace: what it held is sealed for good, and what changes later lies in the layer.

Standard library only, any Python from 3.8 on: the server does it, while no program is in the workspace.
"""

from __future__ import annotations

import os

from sandbox.inner.walls.attached_process import attach
from sandbox.inner.walls.inner_walls import WORKSPACE, Walls, workspace_options
from sandbox.inner.walls.syscalls import (
    MNT_DETACH,
    MS_NODEV,
    MS_NOSUID,
    MS_RDONLY,
    MS_REMOUNT,
    libc,
    mount,
)

_PLACE = "/run"
_PLAIN = MS_NOSUID | MS_NODEV


def put_layer(walls: Walls) -> list[int]:
    """Give descriptors of the workspace as it is seen from now on, and of the layer alone.

    The layer has a size and a number of files of its own. The seal is the file system's: no mount of the
    workspace, and nobody who still has one, can write to what lies below.

    Raises:
        OSError: this kernel can't, or a file is being written: the workspace is as it was.
    """
    upper, work = f"{_PLACE}/upper", f"{_PLACE}/work"
    mount("tmpfs", _PLACE, "tmpfs", _PLAIN, workspace_options(walls))
    try:
        for folder in (upper, work):
            os.mkdir(folder, 0o700)
        os.setxattr(upper, "user.probe", b"")  # without them no folder could be made where one was removed
        os.removexattr(upper, "user.probe")
        mount("none", WORKSPACE, None, MS_REMOUNT | MS_RDONLY | _PLAIN)
        layers = f"lowerdir={WORKSPACE},upperdir={upper},workdir={work},userxattr"
        try:
            mount("overlay", WORKSPACE, "overlay", _PLAIN, layers)
        except OSError:
            mount("none", WORKSPACE, None, MS_REMOUNT | _PLAIN)
            raise
        attach(WORKSPACE, walls.attached)
        os.chdir(WORKSPACE)
        return [os.open(place, os.O_PATH | os.O_DIRECTORY) for place in (WORKSPACE, upper)]
    finally:
        libc.umount2(_PLACE.encode(), MNT_DETACH)
