"""Real runs of the embedded model, recorded and replayed: the loop's own work on answers that a model gave.

The commands that make new recordings stand beside them, in tests/recordings/README.md.
"""

from pathlib import Path

import pytest

from coder.models.recorded import Recorded
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

RECORDINGS = Path(__file__).parents[2] / "recordings"


async def test_a_task_that_the_embedded_model_gets_wrong_first_is_solved_by_a_fresh_start() -> None:
    recorded = Recorded(RECORDINGS / "last.jsonl")
    task = Task(
        prompt="Write a Python function last(items) that returns the last element of a list, "
        "or None if the list is empty",
        checks=("assert last([1, 2]) == 2", "assert last([]) is None"),
    )

    settings = Settings(strategy="repair", budget=Budget(samples=5, max_calls=20))

    run = await solve(task, model=recorded, settings=settings, log=MemoryLog())

    assert recorded.header.kind == "recorded"
    assert (run.status, run.attempts, run.calls) == ("solved", 3, 5)
    assert run.files["solution.py"].startswith("def last(items):")


@pytest.mark.parametrize(("plan", "status"), [(True, "solved"), (False, "unsolved")])
async def test_a_plan_changes_how_a_task_with_steps_ends(plan: bool, status: str) -> None:
    recorded = Recorded(RECORDINGS / ("mean-plan.jsonl" if plan else "mean-no-plan.jsonl"))
    steps = "1. returns 0 for an empty list\n2. adds up the numbers\n3. divides by how many there are"
    task = Task(
        prompt=f"Write a Python function mean(numbers) that\n{steps}",
        checks=("assert mean([]) == 0", "assert mean([1, 2]) == 1.5"),
    )
    settings = Settings(plan=plan, budget=Budget(samples=1, repairs=0, max_calls=4))

    run = await solve(task, model=recorded, settings=settings, log=MemoryLog())

    assert run.status == status
