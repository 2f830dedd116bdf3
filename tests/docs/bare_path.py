"""A PATH with what every system has, and nothing else but what a test puts there."""

import shutil
from collections.abc import Sequence
from pathlib import Path


def bare_path(folder: Path, needed: Sequence[str]) -> Path:
    """A folder with links to those commands of this machine."""
    tools = folder / "bin"
    tools.mkdir()
    for name in needed:
        executable = shutil.which(name)
        assert executable is not None, name
        (tools / name).symlink_to(executable)
    return tools


def put(tools: Path, name: str, script: str) -> None:
    (tools / name).write_text(f"#!/bin/sh\n{script}\n")
    (tools / name).chmod(0o755)
