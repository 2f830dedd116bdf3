"""Our sandbox as a runtime of verifiers' own tasks, in an environment of its own.

Without it, which `.ci/run` makes, this test isn't there:

pip install verifiers==0.4.0 coder-sandbox      CODER_VERIFIERS_RUNTIME_PYTHON=…/bin/python
"""

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = [pytest.mark.foreign, pytest.mark.slow]

if "CODER_VERIFIERS_RUNTIME_PYTHON" in os.environ:

    def test_a_task_prepares_runs_and_scores_answers_in_our_sandbox() -> None:
        ended = subprocess.run(
            [os.environ["CODER_VERIFIERS_RUNTIME_PYTHON"], Path(__file__).with_name("in_verifiers.py")],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

        assert ended.returncode == 0, ended.stderr[-3000:]
        assert json.loads(ended.stdout.splitlines()[-1]) == {
            "rewards": [1.0, 0.0, 0.0],
            "ended": [3, "1\nsandbox\n", "bad\n"],
            "short": "42\n",
            "refused": 3,
            "alive": [True, False],
        }
