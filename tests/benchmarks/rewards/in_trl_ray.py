"""Run by a Python that has TRL and Ray: two steps of a GRPOTrainer in an actor, rewarded by a JudgeActor.

In a network namespace that has `lo` alone. Prints what the trainer saw.
"""

import json
import os
import sys
from typing import Any

os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
import ray

from benchmarks.rewards.judge_actor import JudgeActor
from tests.benchmarks.rewards.conftest import SUITE


class Trainer:
    """Actor that trains, and has another one judge what it draws."""

    def train(self, judge: Any) -> dict[str, Any]:
        """Take two steps; return what the trainer says, and the rewards of right and of drawn answers."""
        from tests.benchmarks.rewards.in_trl import train

        steps = list[Any]()

        def judged(prompts: list[str], completions: list[str], **columns: Any) -> list[float | None]:
            columns = {name: column for name, column in columns.items() if name == "task_id"}
            drawn = judge.score.remote(prompts, completions, **columns)  # both are judged at once
            right = judge.score.remote(prompts, ["    return 2 * n\n"] * len(prompts), **columns)
            rewards: list[float | None] = ray.get(right)
            steps.append({"right": rewards, "drawn": ray.get(drawn)})
            return rewards

        return train(judged) | {"seen": steps}

    def pid(self) -> int:
        """Process of the actor."""
        return os.getpid()


def main() -> None:
    ray.init(
        address="local", resources={"judge": 1}, num_cpus=2, include_dashboard=False, log_to_driver=False,
        logging_level="error", _node_ip_address="127.0.0.1",
    )  # fmt: skip
    judge = ray.remote(num_cpus=0, resources={"judge": 1})(JudgeActor).remote(SUITE)
    trainer = ray.remote(num_cpus=1)(Trainer).remote()
    trained = ray.get(trainer.train.remote(judge))
    is_apart = ray.get(trainer.pid.remote()) != os.getpid()
    ray.get(judge.close.remote())
    ray.shutdown()
    json.dump({**trained, "is_apart": is_apart}, sys.stdout)


if __name__ == "__main__":
    main()
