"""This machine with less of it, as one process and its children see it: of its disk, or of its network."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_SAME = ("bwrap", "--dev-bind", "/", "/")


def small_disk(place: Path, size: int) -> tuple[str, ...]:
    """What stands before a command that is to find an empty disk of so many bytes in a folder."""
    return (*_SAME, "--size", str(size), "--tmpfs", str(place))


def read_only(place: Path) -> tuple[str, ...]:
    """What stands before a command that is to find a folder mounted read-only: so even root can't write."""
    return (*_SAME, "--ro-bind", str(place), str(place))


def no_network() -> tuple[str, ...]:
    """What stands before a command that is to find nothing but the loopback interface."""
    return (*_SAME, "--unshare-net")


def less_root(*capabilities: str) -> tuple[str, ...]:
    """What stands before a command whose root is to lack some capabilities, as a container's does."""
    return (*_SAME, *(word for name in capabilities for word in ("--cap-drop", name)))


def no_namespaces() -> tuple[str, ...]:
    """What stands before a command that is to be an ordinary user's where no namespace can be made."""
    return (*_SAME, "--unshare-user", "--disable-userns", "--uid", "1000")


def run_on_small_disk(place: Path, size: int, *command: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end where a folder is an empty disk of so many bytes."""
    return run_behind(small_disk(place, size), *command)


def run_behind(
    less: Sequence[str],
    *command: str,
    timeout_s: float = 120,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end behind what stands before it."""
    while True:
        done = subprocess.run(
            [*less, *command], capture_output=True, text=True, timeout=timeout_s, env=env, cwd=cwd
        )
        # A container of another test ended while all of / was bound, and its mount was gone.
        if not done.stderr.startswith("bwrap: Can't bind mount /oldroot/ on /newroot/"):
            return done
