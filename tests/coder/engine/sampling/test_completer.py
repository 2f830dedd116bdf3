"""The embedded model goes on with what was begun for it."""

import pytest

from coder.models.abilities import EMBEDDED
from coder.models.local import LocalModel
from coder.models.weights import embedded_weights
from coder.run.settings import Budget, Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.programs import require_embedded_model
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]


@pytest.mark.slow
async def test_the_embedded_model_writes_the_body_of_a_function_and_stops_behind_it() -> None:
    require_embedded_model()
    task = Task(
        prompt='def is_even(n):\n    """Say whether n is even.\n\n    >>> is_even(4)\n    True\n    """\n'
    )
    settings = Settings(strategy="best-of-n", budget=Budget(max_calls=1))

    async with LocalModel(embedded_weights(), name=f"local/{EMBEDDED}") as model:
        run = await solve(task, model=model, settings=settings, log=MemoryLog())

    assert (run.status, run.verified, run.calls) == ("solved", "examples", 1)
    assert run.files["solution.py"] == task.prompt + "    return n % 2 == 0\n"
    assert run.tokens.output < 20
