"""Virtual environments for tests, made without pip."""

import subprocess
import sys
from pathlib import Path


def make_environment(folder: Path) -> Path:
    """Make a virtual environment of this Python's base; return its folder of packages."""
    base: str = getattr(sys, "_base_executable", sys.executable)
    subprocess.run([base, "-m", "venv", "--without-pip", folder], check=True)
    return next(folder.glob("lib/python3*/site-packages"))
