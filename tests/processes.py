"""Look at the processes of this machine from outside."""

import time
from collections.abc import Callable
from pathlib import Path

SLEEPS = "until grep -qx sleep /proc/$!/comm; do sleep 0.01; done"
"""For a shell: wait until its last child has become `sleep`. Until then its name is the shell's own."""


def processes_with(tag: str) -> list[int]:
    """Processes that have a word in their command line."""
    pids = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                if tag.encode() in (folder / "cmdline").read_bytes():
                    pids.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
    return pids


def wait_until(true: Callable[[], bool], *, timeout_s: float = 300) -> bool:
    """Look again and again: another process's end sends us no event, and on a busy machine it comes late."""
    deadline = time.monotonic() + timeout_s
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def below(root: int) -> list[int]:
    """Processes that descend from one, deepest last."""
    pids = [root]
    for pid in pids:
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:  # it has ended
            continue
        pids += map(int, children)
    return pids[1:]
