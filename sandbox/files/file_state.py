"""What is known of one file of a tree, so that it can be told whether it has changed."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import dataclass
from typing import Literal

from sandbox.files.resolve_beneath import FOLDER, Beneath

Mode = Literal["100644", "100755", "120000"]
Reason = Literal["too_large", "link", "special", "name", "unreadable"]


@dataclass(frozen=True, slots=True)
class FileState:
    """State of one file."""

    sha256: str
    mode: Mode


@dataclass(frozen=True, slots=True)
class ClosedState:
    """State of what is never handed out; `mark` tells whether it changed."""

    reason: Reason
    mark: object = None


State = FileState | ClosedState


def mode_of(found: os.stat_result) -> Mode:
    """Of a regular file, as git has it."""
    return "100755" if found.st_mode & stat.S_IXUSR else "100644"


def read_link(below: Beneath, path: str) -> tuple[State, bytes | None]:
    """State of a symbolic link, and where it leads; it counts where that is inside of the tree."""
    parent, _, name = path.rpartition("/")
    try:
        folder = below.open(parent or ".", FOLDER)
        try:
            target = os.readlink(name, dir_fd=folder)
        finally:
            os.close(folder)
    except OSError:
        return ClosedState("unreadable"), None
    if target.startswith("/") or os.path.normpath(f"{parent}/{target}".lstrip("/")).startswith(".."):
        return ClosedState("link", target), None
    content = os.fsencode(target)
    return FileState(hashlib.sha256(content).hexdigest(), "120000"), content


def up_to(file: io.FileIO, most: int) -> bytes:
    """What a file holds, which may grow meanwhile."""
    content = bytearray()
    while len(content) < most and (piece := file.read(min(1 << 20, most - len(content)))):
        content += piece
    return bytes(content)
