"""A Python that starts only where LD_LIBRARY_PATH says where its library lies, as one that was moved."""

import shlex
import sys
from pathlib import Path

FOLDERS = "/moved/python/lib"
"""What LD_LIBRARY_PATH must be."""


def moved_python(folder: Path) -> str:
    """Write a program into the folder that stands for `sys.executable`; return its path."""
    program = folder / "python3"
    python = shlex.quote(sys.executable)
    program.write_text(f'#!/bin/sh\n[ "$LD_LIBRARY_PATH" = {FOLDERS} ] || exit 127\nexec {python} "$@"\n')
    program.chmod(0o755)
    return str(program)
