"""The plan of a model that acts: shown, in the log, and told again after a fold that cuts its call."""

from pathlib import Path

import pytest

from coder.models.abilities import Abilities
from coder.models.scripted import Scripted
from coder.run.reducer import fold_all
from coder.run.settings import Budget
from coder.run.task import Task
from tests.coder.engine.participants.test_acting import (
    EDIT,
    SETTINGS,
    TEST,
    UNITTEST,
    WRONG,
    bash,
    call,
    told,
    worked,
)
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

FIRST = {"text": "read calc.py", "status": "doing"}, {"text": "mend it", "status": "todo"}
LATER = {"text": "read calc.py", "status": "done"}, {"text": "mend it", "status": "doing"}
TOLD = "[Your plan, as you gave it last:\n[x] read calc.py\n[>] mend it]"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "calc.py").write_text(WRONG)
    (tmp_path / "test_calc.py").write_text(TEST)
    return tmp_path


@pytest.mark.slow
async def test_a_plan_is_answered_in_a_few_words(project: Path) -> None:
    run, model = await worked(project, [call("plan", steps=LATER)], EDIT)

    assert told(model, 2) == "2 steps, 1 done"
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_plan_that_does_not_fit_is_answered_with_what_is_wrong_and_replaces_none(
    project: Path,
) -> None:
    log = MemoryLog()
    bad = [call("plan", steps=[{"text": "mend it", "status": "pending"}]), call("plan", steps=[])]
    run, model = await worked(project, [call("plan", steps=FIRST)], bad, EDIT, log=log)

    results = [message.content for message in model.requests[2].messages[-2:]]
    assert results[0].startswith("error: The arguments of plan don't fit: steps.0.status: Input should be")
    assert results[1].startswith("error: The arguments of plan don't fit: steps: ")
    assert '"read calc.py"' in fold_all(await log.read(run.run_id)).dialogue.plan


@pytest.mark.slow
async def test_a_fold_that_cuts_the_plan_tells_it_once(project: Path) -> None:
    plans = [call("plan", steps=FIRST)], [call("plan", steps=LATER)]
    long = [bash(f"seq {start} 3000") for start in range(12)]
    model = Scripted([*plans, *long, EDIT], abilities=Abilities(context=24_000))
    log = MemoryLog()
    task = Task(prompt="Mend add.", workspace=project, test_command=UNITTEST)

    run = await solve(task, model=model, settings=SETTINGS, log=log)

    texts = [message.content for message in model.requests[-1].messages]
    calls = [one.name for message in model.requests[-1].messages for one in message.tool_calls]
    assert "plan" not in calls
    assert "\n".join(texts).count(TOLD) == 1
    assert TOLD not in texts[1]
    assert not any(TOLD in message.content for message in model.requests[2].messages)
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_run_that_goes_on_knows_its_plan(project: Path) -> None:
    log = MemoryLog()
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=3)})
    long = [bash(f"seq {start} 3000") for start in range(8)]
    stopped, _ = await worked(project, [call("plan", steps=LATER)], *long, settings=settings, log=log)
    model = Scripted([*long, EDIT], name="scripted/dialogue", abilities=Abilities(context=24_000))

    await resume(stopped.run_id, log=log, model=model, budget=Budget(max_calls=30))

    assert "\n".join(message.content for message in model.requests[-1].messages).count(TOLD) == 1
