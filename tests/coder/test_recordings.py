"""Real runs of the embedded model, recorded and replayed: the loop's own work on answers that a model gave.

A change of the prompts asks for new recordings: run the command that stands above each test.
"""

from pathlib import Path

from coder.doors import solve
from coder.models.recorded import Recorded
from coder.settings import Budget, Settings
from coder.store import MemoryLog
from coder.task import Task

RECORDINGS = Path(__file__).parents[1] / "recordings"


# coder solve "Write a Python function last(items) that returns the last element of a list, or None if the list is
# empty" --check "assert last([1, 2]) == 2" --check "assert last([]) is None" --samples 5 --max-calls 20 -m local
# --record tests/recordings/last.jsonl
async def test_a_task_that_the_embedded_model_gets_wrong_first_is_solved_by_a_fresh_start() -> None:
    recorded = Recorded(RECORDINGS / "last.jsonl")
    task = Task(
        prompt="Write a Python function last(items) that returns the last element of a list, "
        "or None if the list is empty",
        checks=("assert last([1, 2]) == 2", "assert last([]) is None"),
    )

    run = await solve(
        task, model=recorded, settings=Settings(budget=Budget(samples=5, calls=20)), log=MemoryLog()
    )

    assert recorded.header.kind == "recorded"
    assert (run.status, run.attempts, run.calls) == ("solved", 3, 5)
    assert run.files["solution.py"].startswith("def last(items):")
