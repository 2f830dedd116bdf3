"""This Python with fewer packages, as where an extra was not installed."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent


def run_without(missing: str, script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a script that finds ours and every package that is installed here but one, as links in a folder."""
    for kind in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        for entry in Path(kind).iterdir():
            if entry.name.partition("-")[0].partition(".")[0] != missing:
                (folder / entry.name).symlink_to(entry)
    return subprocess.run(
        [sys.executable, "-S", "-c", script],  # -S: the folder of all packages itself isn't looked at
        env={**os.environ, "PYTHONPATH": f"{REPOSITORY}:{folder}"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
