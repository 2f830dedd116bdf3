"""Which strategy a replay takes, and a run that goes on under another one."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from coder.base.errors import UsageError
from coder.engine.teams.coding_team import CodingTeam
from coder.engine.teams.repair import repair_stop
from coder.engine.teams.strategies import team_and_stop
from coder.models.model import ToolCall
from coder.models.recorded import Recorded
from coder.models.recorder import Recorder
from coder.models.scripted import Scripted
from coder.run.conditions import condition_of
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings, StrategyChoice
from coder.run.state import State
from coder.run.task import Task
from coder.run.termination import Stop
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

WRONG = "calc.py\n```python\ndef add(a, b):\n    return a - b\n```\n"
RIGHT = WRONG.replace("a - b", "a + b")
TO_WRONG, TO_RIGHT, FROM_WRONG = (
    f"calc.py\n```\n<<<<<<< SEARCH\n    return {old}\n=======\n    return {new}\n>>>>>>> REPLACE\n```\n"
    for old, new in (("0", "a - b"), ("0", "a + b"), ("a - b", "a + b"))
)
LOOK = [ToolCall(id="c1", name="bash", arguments=json.dumps({"command": "ls"}))]
ONE_CALL = Settings(strategy="repair", budget=Budget(max_calls=1))


@pytest.fixture
def task(tmp_path: Path) -> Task:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "calc.py").write_text("def add(a, b):\n    return 0\n")
    return Task(prompt="Mend add.", workspace=folder, checks=("from calc import add; assert add(1, 2) == 3",))


async def state_of(log: MemoryLog, run: Run) -> State:
    return fold_all(await log.read(run.run_id))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "answers"), [("act", [LOOK, TO_WRONG, FROM_WRONG]), ("repair", [WRONG, RIGHT])]
)
async def test_a_replay_takes_the_strategy_of_its_recording(
    task: Task, tmp_path: Path, strategy: StrategyChoice, answers: list[str | list[ToolCall]]
) -> None:
    log, path, settings = MemoryLog(), tmp_path / "run.jsonl", Settings(strategy=strategy, apply=False)
    async with Recorder(Scripted(answers), path) as model:
        recorded = await solve(task, model=model, settings=settings, log=log)

    replayed = await solve(task, model=Recorded(path), settings=Settings(apply=False), log=log)

    assert (recorded.status, recorded.calls) == (replayed.status, replayed.calls) == ("solved", len(answers))
    assert (await state_of(log, replayed)).settings.strategy == strategy


@pytest.mark.slow
async def test_a_run_that_begins_to_act_gets_the_limits_of_acting_but_those_that_were_named(
    task: Task,
) -> None:
    log = MemoryLog()
    repair_settings = Settings(strategy="repair", budget=Budget(timeout=77))
    stopped = await solve(task, model=Scripted([WRONG]), settings=repair_settings, log=log)
    model = Scripted([LOOK, FROM_WRONG])

    acted = await resume(stopped.run_id, model=model, settings=Settings(strategy="act"), log=log)

    budget = (await state_of(log, acted)).spend.budget
    assert (stopped.status, acted.status) == ("error", "solved")
    assert (budget.max_calls, budget.max_cost, budget.timeout) == (100, Decimal(3), 77)
    assert "bash" in {tool.name for tool in (model.requests[0].form or pytest.fail("no tools")).tools}


async def test_auto_at_a_resume_goes_by_the_model_that_answers_now(task: Task) -> None:
    log = MemoryLog()
    stopped = await solve(task, model=Scripted([WRONG], name="local/any"), settings=ONE_CALL, log=log)
    model, wide = Scripted([LOOK, FROM_WRONG], name="large/one"), Budget(max_calls=9)

    acted = await resume(
        stopped.run_id, model=model, budget=wide, settings=Settings(strategy="auto"), log=log
    )

    assert acted.status == "solved"
    assert model.requests[0].form is not None


async def test_settings_without_a_strategy_keep_the_one_of_the_run(task: Task) -> None:
    log = MemoryLog()
    settings = Settings(strategy="act", budget=Budget(max_calls=1))
    stopped = await solve(task, model=Scripted([LOOK]), settings=settings, log=log)
    model = Scripted([TO_RIGHT])

    acted = await resume(
        stopped.run_id, model=model, budget=Budget(max_calls=5), settings=Settings(), log=log
    )

    assert (stopped.status, acted.status) == ("limit", "solved")
    assert model.requests[0].form is not None


async def test_tools_are_refused_where_a_run_goes_on_that_does_not_act(task: Task) -> None:
    log = MemoryLog()
    stopped = await solve(task, model=Scripted([WRONG]), settings=ONE_CALL, log=log)

    with pytest.raises(UsageError, match="--strategy repair calls none"):
        await resume(stopped.run_id, model=Scripted([RIGHT]), tools=[_price_of], log=log)


async def test_a_team_given_from_python_is_needed_again_at_a_resume(task: Task) -> None:
    log, team = MemoryLog(), CodingTeam(expert_after=1)
    stopped = await solve(task, model=Scripted([WRONG]), settings=ONE_CALL, team=team, log=log)
    wide = Budget(max_calls=9)

    with pytest.raises(UsageError, match=r"engine\.teams\.coding_team:CodingTeam, was given from Python"):
        await resume(stopped.run_id, model=Scripted([RIGHT]), budget=wide, log=log)
    again = await resume(stopped.run_id, model=Scripted([RIGHT]), budget=wide, team=team, log=log)

    assert (stopped.status, again.status) == ("limit", "solved")
    assert (await state_of(log, again)).settings.team == "coder.engine.teams.coding_team:CodingTeam"


@pytest.mark.parametrize("team", [None, CodingTeam()])
async def test_a_function_whose_name_is_taken_is_refused_before_the_run_begins(
    task: Task, team: CodingTeam | None
) -> None:
    def bash(command: str) -> str:
        """Run a command elsewhere."""
        return command

    log, model = MemoryLog(), Scripted([LOOK])

    with pytest.raises(UsageError, match="There is a tool named 'bash' already"):
        await solve(task, model=model, settings=Settings(), tools=[bash], team=team, log=log)

    assert (model.requests, await log.runs()) == ([], [])


@pytest.mark.slow
@pytest.mark.parametrize("team", [None, CodingTeam()])
async def test_a_stop_given_from_python_is_needed_again_at_a_resume(
    task: Task, team: CodingTeam | None
) -> None:
    log, stop, wide = MemoryLog(), Stop(lambda state: None) | repair_stop(), Budget(max_calls=9)
    stopped = await solve(task, model=Scripted([WRONG]), settings=ONE_CALL, team=team, stop=stop, log=log)

    with pytest.raises(UsageError, match="The stop of this run was given from Python"):
        await resume(stopped.run_id, model=Scripted([RIGHT]), budget=wide, team=team, log=log)
    again = await resume(stopped.run_id, model=Scripted([RIGHT]), budget=wide, team=team, stop=stop, log=log)

    assert (stopped.status, again.status) == ("limit", "solved")


async def test_a_stop_that_is_a_condition_holds_again_at_a_resume(task: Task) -> None:
    log = MemoryLog()
    settings = Settings(strategy="act", budget=Budget(max_calls=1))
    stop = condition_of("said('ENOUGH')")
    stopped = await solve(task, model=Scripted([LOOK]), settings=settings, stop=stop, log=log)

    state = await state_of(log, stopped)

    assert stopped.status == "limit"
    assert state.settings.stop == "said('ENOUGH')"
    assert team_and_stop(state.settings, None, None)[1].text == "said('ENOUGH')"


async def test_a_run_of_such_a_team_continues_by_a_strategy_that_is_named(task: Task) -> None:
    log = MemoryLog()
    stopped = await solve(
        task, model=Scripted([WRONG]), settings=ONE_CALL, team=CodingTeam(expert_after=1), log=log
    )
    repair_settings = Settings(strategy="repair")

    again = await resume(
        stopped.run_id, model=Scripted([RIGHT]), budget=Budget(max_calls=9), settings=repair_settings, log=log
    )

    assert again.status == "solved"
    assert (await state_of(log, again)).settings.team is None


def _price_of(item: str) -> str:
    """The price of an item."""
    return "3"
