"""Harbor's own reader accepts our trajectories, in an environment of its own, as it needs Python 3.12.

Without it, which `.ci/run` makes where there is a python3.12, this test isn't there; test_atif.py checks the
rules of the format.

python3.12 -m venv DIR && DIR/bin/pip install harbor==0.24.0        CODER_HARBOR_PYTHON=DIR/bin/python
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from coder.run.forks import forked
from coder.show.atif import write_atif
from tests.coder.show.atif_runs import acting, document, repairing
from tests.coder.show.test_atif import BREAKS

pytestmark = pytest.mark.foreign


def accepted(path: Path) -> bool:
    """Whether Harbor's validator accepts a file."""
    command = [os.environ["CODER_HARBOR_PYTHON"], "-m", "harbor.utils.trajectory_validator", str(path)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False).returncode == 0


if "CODER_HARBOR_PYTHON" in os.environ:

    @pytest.mark.slow
    def test_harbor_accepts_a_trajectory_and_refuses_a_broken_one(tmp_path: Path) -> None:
        acted = acting()
        written = {
            "act": write_atif(acted),
            "fork": write_atif(forked(acted, "run_fork", step=2)),
            "repair": write_atif(repairing()),
        }
        for rule, break_rule in BREAKS.items():
            trajectory = document(acted)
            break_rule(trajectory)
            written[f"broken {rule}"] = json.dumps(trajectory)

        results = {}
        for name, text in written.items():
            path = tmp_path / f"{name}.json"
            path.write_text(text)
            results[name] = accepted(path)

        assert results == {name: not name.startswith("broken") for name in written}
