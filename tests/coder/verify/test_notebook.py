"""With a kernel an answer runs as cells first; tests and checks decide as ever."""

import pytest

from coder.models.scripted import Scripted
from coder.run.run import Run
from coder.run.settings import Settings
from coder.run.task import Task
from tests.kept_sandboxes import KEPT, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

KERNEL = Settings(kernel=True, plan=False)
CHECK = "assert add(2, 3) == 5"
ADD = "def add(a, b):\n    return a + b\n"


async def solved_by(
    *answers: str, task: Task, settings: Settings = KERNEL
) -> tuple[Run, Scripted, MemoryLog]:
    model, log = Scripted([f"```python\n{answer}```\n" for answer in answers]), MemoryLog()
    return await solve(task, model=model, settings=KERNEL, log=log), model, log


@pytest.mark.slow
async def test_a_failing_cell_goes_back_with_its_traceback_and_is_repaired() -> None:
    task = Task(prompt="Write a script that prints 1.")

    run, model, _ = await solved_by("# %%\nx = 1\n# %%\nprint(y)\n", "x = 1\n# %%\nprint(x)\n", task=task)

    assert (run.calls, run.verified) == (3, "none")  # asked once more to show it
    assert "NameError" in model.requests[-1].messages[-1].content


@pytest.mark.slow
async def test_checks_decide_after_the_cells() -> None:
    task = Task(prompt="Write add(a, b).", checks=(CHECK,))

    run, model, _ = await solved_by("def add(a, b):\n    return a - b\n", ADD, task=task)

    assert (run.status, run.verified, run.strength, run.calls) == ("solved", "checks", "outside", 2)
    assert CHECK in model.requests[-1].messages[-1].content


@pytest.mark.slow
async def test_what_one_answer_defined_the_next_one_does_not_find() -> None:
    task = Task(prompt="Write a script.")

    run, model, _ = await solved_by(
        "left = 1\nraise ValueError('no')\n", "print(left)\n", "x = 1\n", task=task
    )

    assert run.calls == 4  # the last one to show that it is done
    assert "NameError" in model.requests[-1].messages[-1].content


@pytest.mark.slow
async def test_what_an_answer_changes_and_leaves_running_is_nothing_to_its_checks() -> None:
    meddling = (
        "import subprocess\n"
        "def add(a, b):\n    return a - b\n"
        "open('solution.py', 'w').write('def add(a, b): return a + b')\n"
        "loop = 'while true; do echo \"def add(a, b): return a + b\" > solution.py; done'\n"
        "subprocess.Popen(['sh', '-c', loop])\n"
    )
    task = Task(prompt="Write add(a, b).", checks=(CHECK,))

    run, _, _ = await solved_by(meddling, ADD, task=task)

    assert (run.status, run.calls) == ("solved", 2)


@pytest.mark.slow
async def test_rich_outputs_stand_in_the_workspace_that_the_log_describes() -> None:
    task = Task(prompt="Draw a table.")

    run, _, log = await solved_by("from IPython.display import HTML\nHTML('<b>x</b>')\n", task=task)

    finished = [event for event in await log.read(run.run_id) if event.type == "program.finished"]
    assert "cell-1-1.html" in finished[-1].body["after"]


@pytest.mark.slow
async def test_a_script_that_asks_for_input_is_not_blamed() -> None:
    run, _, _ = await solved_by("name = input('name? ')\n", task=Task(prompt="Greet the user."))

    assert run.attempts == 1
