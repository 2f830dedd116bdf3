"""Rewards inside real training libraries, in an environment of their own, as they are large.

Without it, which `.ci/run` makes, these tests aren't there:

pip install trl torch pytest "coder-agent[ray]"   CODER_TRL_PYTHON=…/bin/python
pip install verifiers pytest coder-agent          CODER_VERIFIERS_PYTHON=…/bin/python
"""

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.executors.test_ray import LOOPBACK

pytestmark = pytest.mark.foreign
HERE = Path(__file__).parent


def printed(variable: str, script: str, place: Sequence[str] = ()) -> Any:
    """The JSON that a script prints last, run by the Python that a variable names, behind `place`."""
    python = os.environ[variable]
    environ = os.environ | {"PYTHONPATH": str(HERE.parents[2]), "HF_HUB_OFFLINE": "1"}
    ended = subprocess.run(
        [*place, python, HERE / script], env=environ, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return json.loads(ended.stdout.splitlines()[-1])


if "CODER_TRL_PYTHON" in os.environ:

    @pytest.mark.slow
    def test_a_grpo_trainer_takes_two_steps_on_rewards() -> None:
        record = printed("CODER_TRL_PYTHON", "in_trl.py")

        rewards = [reward for step in record["seen"] for reward in step["told"]]
        assert record["steps"] == 2
        assert sorted(map(str, rewards)) == ["1.0"] * 4 + ["None"] * 4
        assert "rewards/coder_passed/mean" in record["named"]

    @pytest.mark.slow
    def test_a_grpo_trainer_in_ray_takes_two_steps_on_the_rewards_of_a_judge_actor() -> None:
        has_ray = subprocess.run([os.environ["CODER_TRL_PYTHON"], "-c", "import ray"], capture_output=True)
        if has_ray.returncode:
            pytest.skip("CODER_TRL_PYTHON has no Ray")

        record = printed("CODER_TRL_PYTHON", "in_trl_ray.py", LOOPBACK)

        rewards = [reward for step in record["seen"] for reward in step["right"]]
        drawn = [reward for step in record["seen"] for reward in step["drawn"]]
        assert (record["steps"], record["is_apart"]) == (2, True)
        assert sorted(map(str, rewards)) == ["1.0"] * 4 + ["None"] * 4
        assert {*drawn} <= {0.0, None}
        assert "rewards/judged/mean" in record["named"]


if "CODER_VERIFIERS_PYTHON" in os.environ:

    @pytest.mark.slow
    def test_verifiers_scores_answers_by_a_rubric_or_a_task() -> None:
        assert printed("CODER_VERIFIERS_PYTHON", "in_verifiers.py") == [1.0, 0.0, 1.0]
