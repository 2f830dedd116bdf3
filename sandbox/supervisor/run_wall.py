"""What bubblewrap is told, where it builds a wall around every run by itself."""

import os
from typing import Any

from sandbox.inner.walls.places import ATTACHED
from sandbox.supervisor.run_folders import Folders


def wall_of_run(
    folders: Folders,
    given: "dict[str, Any]",
    walls: "dict[str, Any]",
    *,
    folder: str,
    workspace: str,
    fresh: bool,
) -> "list[str]":
    """Its arguments; argv[0] says whose it is.

    Args:
        given: the plan (`starting.py`).
        walls: what the host asked of all runs.
        folder: the run's own.
        workspace: on the host.
    """
    size = str(walls["disk_bytes"])
    shared = str(walls["shared_memory_bytes"])
    sized = [] if "disk" in walls["without"] else ["--size", size]
    place, temporary = ["--bind", workspace, "/w"], ["--bind", f"{folder}/tmp", "/tmp"]
    if not folders.private:
        temporary = ["--perms", "1777", *sized, "--tmpfs", "/tmp"]
    if fresh and not folders.private:
        place = ["--perms", "0700", *sized, "--tmpfs", "/w"]
    return [
        given["name"],
        *given["before"],
        *folders.binds,
        *("--ro-bind", f"{folders.base}/opt/lib", "/opt/lib", "--ro-bind", f"{folders.base}/etc", "/etc"),
        *given["after"],
        *temporary,
        *("--perms", "1777", "--size", shared, "--tmpfs", "/dev/shm"),
        *place,
        *_attached(folders, given, workspace),
        *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/", "--"),
    ]


def _attached(folders: Folders, given: "dict[str, Any]", workspace: str) -> "list[str]":
    """Folders of the host's in the workspace; not where a program has put a link in the way."""
    sources = {target: source for source, target in folders.shown.items()}
    words = []
    for number, place in enumerate(given["attached"]):
        parents = [f"{workspace}/{parent}" for parent in (place, *_parents(place))]
        if not any(os.path.islink(parent) for parent in parents):
            words += ["--ro-bind", sources[f"{ATTACHED}{number}"], f"/w/{place}"]
    return words


def _parents(place: str) -> "list[str]":
    parts = place.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]
