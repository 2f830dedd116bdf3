"""A Ray cluster on loopback: verdicts of one machine, whatever dies. Ray is in an environment of its own.

Without it, which `.ci/run` makes, these tests aren't there:

pip install "coder-agent[ray]" pytest        CODER_RAY_PYTHON=…/bin/python

In a network namespace that has `lo` alone: of several addresses Ray may choose one that it can't reach.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.foreign
ROOT = Path(__file__).parents[3]
LOOPBACK = ["unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]

if "CODER_RAY_PYTHON" in os.environ:

    @pytest.fixture(scope="module")
    def printed() -> Any:
        command = [*LOOPBACK, os.environ["CODER_RAY_PYTHON"], "-m", "tests.benchmarks.executors.in_ray"]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=350, check=False)
        assert ended.returncode == 0, ended.stderr[-3000:]
        return json.loads(ended.stdout.splitlines()[-1])

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["nodes 2", "nodes 3", "worker killed", "raylet killed"])
    def test_a_cluster_gives_the_verdicts_of_this_machine_one_by_one(printed: Any, how: str) -> None:
        assert printed[how] == printed["local"]

    @pytest.mark.slow
    @pytest.mark.parametrize("how", ["worker", "raylet"])
    def test_jobs_of_a_lost_node_are_done_by_others(printed: Any, how: str) -> None:
        losses = printed[f"{how} losses"]

        assert sum(tally["lost"] for tally in losses) >= 1
        assert sum(tally["done"] for tally in losses) == len(printed["local"])

    @pytest.mark.slow
    def test_all_nodes_take_part(printed: Any) -> None:
        assert len(printed["shares 2"]) == 2
        assert len(printed["shares 3"]) == 3
        assert min(printed["shares 2"] + printed["shares 3"]) > 0

    @pytest.mark.slow
    def test_two_workers_have_twice_the_samples_at_once_that_wait(printed: Any) -> None:
        assert printed["waiting"]["at_once"] == [[8], [8, 8]]

    @pytest.mark.slow
    def test_a_rewarder_and_a_judge_actor_reward_as_this_process_does(printed: Any) -> None:
        assert printed["ray"] == printed["here"]
        assert printed["actor steps"] == [True, True]
