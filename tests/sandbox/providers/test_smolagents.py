"""Our sandbox as the executor of smolagents' own CodeAgent, in an environment of its own.

Without it, which `.ci/run` makes, this test isn't there:

pip install -e '.[smolagents]'        CODER_SMOLAGENTS_PYTHON=…/bin/python
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

if "CODER_SMOLAGENTS_PYTHON" in os.environ:

    def test_a_code_agents_steps_and_tools_run_in_one_kernel_of_our_sandbox() -> None:
        ended = subprocess.run(
            [os.environ["CODER_SMOLAGENTS_PYTHON"], Path(__file__).with_name("in_smolagents.py")],
            env=os.environ | {"HOME_OF_USER": "1"},
            capture_output=True, text=True, timeout=200, check=False,
        )  # fmt: skip

        assert ended.returncode == 0, ended.stderr[-3000:]
        outcome = json.loads(ended.stdout.splitlines()[-1])
        assert outcome["answer"] == {"doubled": 84, "user": "sandbox"}
        stated, shared, failed, late, ended_kernel, _ = outcome["steps"]
        assert stated[0] == "Execution logs:\nstated\nLast output from code snippet:\nNone"
        assert shared[0].endswith("(None, 42, 5)")
        assert "before" in failed[1]
        assert "IndexError: list index out of range" in failed[1]
        assert "numbers[9]" in failed[1]
        assert "limit of wall" in late[1]
        assert "definitions are lost" in ended_kernel[1]
