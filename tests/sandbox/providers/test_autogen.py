"""Our sandbox as a code executor of AutoGen's own agents, in an environment of its own.

Without it, which `.ci/run` makes, this test isn't there:

pip install -e '.[autogen]'        CODER_AUTOGEN_PYTHON=…/bin/python
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.processes import processes_with

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

if "CODER_AUTOGEN_PYTHON" in os.environ:

    def test_a_code_executor_agent_runs_blocks_in_our_sandbox() -> None:
        ended = subprocess.run(
            [os.environ["CODER_AUTOGEN_PYTHON"], Path(__file__).with_name("in_autogen.py")],
            env=os.environ | {"HOME_OF_USER": "1"},
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

        assert ended.returncode == 0, ended.stderr[-3000:]
        outcome = json.loads(ended.stdout.splitlines()[-1])
        solved, failed = outcome["answers"]
        assert "False\n42sandbox\nto stderr\n" in solved
        assert "begun" in failed
        assert "never" not in failed
        late, unknown, outside, after = outcome["blocks"]
        assert late == [124, "begun\n\nKilled at 1.5 s.\n"]
        assert unknown[0] == outside[0] == 1
        assert "cobol" in unknown[1]
        assert outcome["cancelled"]
        assert after == [0, "code-6.sh\n"]
        assert not processes_with("31565") + processes_with("31566")
