"""An owner that is killed at any moment leaves nothing behind."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_twenty_owners_killed_at_random_moments_leave_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "perf.kills", "--times", "20", "--at-once", "4"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=600,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 kills; left: 0 processes, 0 cgroups, 0 mounts, 0 files, 0 locks" in done.stdout
