"""Mount writable layers over the workspace, read-only below, and over folders shown to a session.

The server mounts the first while no program uses the workspace; a session the others, before confinement.
"""

from __future__ import annotations

import os
from contextlib import suppress

from sandbox.inner.walls.inner_walls import Walls, attach, workspace_options
from sandbox.inner.walls.landlock import EVERYTHING
from sandbox.inner.walls.places import WORKSPACE
from sandbox.inner.walls.syscalls import MNT_DETACH, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT, libc, mount

_PLACE = "/run"
_PLAIN = MS_NOSUID | MS_NODEV


def put_layer(walls: Walls) -> list[int]:
    """Mount a layer over the workspace; return descriptors of the merged view and of the layer alone.

    The layer limits its size and number of files. The file system below becomes read-only, also through
    earlier mounts. Raises OSError, with nothing changed, if this kernel can't or a file is being written.
    """
    mount("tmpfs", _PLACE, "tmpfs", _PLAIN, workspace_options(walls))
    try:
        layers, upper = _folders("", WORKSPACE, 0o700)
        mount("none", WORKSPACE, None, MS_REMOUNT | MS_RDONLY | _PLAIN)
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


def layer_shown(walls: Walls) -> list[tuple[str, str]]:
    """Mount a run's layers over shown folders, read-only where impossible; return Landlock's rules."""
    if not walls.layered or "layer" in walls.without:
        return []
    rules = []
    mount("tmpfs", _PLACE, "tmpfs", _PLAIN, workspace_options(walls))
    for number, place in enumerate(walls.layered):
        with suppress(OSError):
            mount("overlay", place, "overlay", _PLAIN, _folders(f"-{number}", place, 0o755)[0])
            rules.append((place, EVERYTHING))
    libc.umount2(_PLACE.encode(), MNT_DETACH)
    with suppress(OSError):  # an earlier program made a file there
        attach(WORKSPACE, walls.attached)
    return rules


def _folders(name: str, below: str, mode: int) -> tuple[str, str]:
    """Make the folders of an overlay; return its mount options, and the path of its upper layer."""
    upper, work = f"{_PLACE}/upper{name}", f"{_PLACE}/work{name}"
    for folder in (upper, work):
        os.mkdir(folder, mode)
    os.setxattr(upper, "user.probe", b"")  # needed to replace a removed folder
    os.removexattr(upper, "user.probe")
    return f"lowerdir={below},upperdir={upper},workdir={work},userxattr", upper
