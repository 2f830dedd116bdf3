"""Nested teams beside a plan and a hand-off, and what is refused beside a team."""

import json

import pytest

from coder.base.errors import UsageError
from coder.engine.teams import Handoff, Member, Nested, Orchestrated, RoundRobin, TeamSpec
from coder.models.model import ToolCall
from coder.models.scripted import Scripted
from coder.run.conditions import turns
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.settings import Budget, Settings
from tests.coder.engine.teams.test_team_specs import CODER, FAST, RIGHT, SAFE, TASK, authors, worked
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

pytestmark = [KEPT, RECORDED]

PAIR = Nested("pair", RoundRobin((FAST, SAFE)), stop=turns(2))


async def test_a_nested_team_is_one_step_of_a_plan_however_much_it_says() -> None:
    other = Member("other", acts=False)
    steps = [{"member": name, "do": "work"} for name in ("pair", "other", "coder")]
    team = Orchestrated((PAIR, CODER, other))
    run, _, messages = await worked(team, json.dumps({"steps": steps}), "One.", "Two.", "Three.", RIGHT)

    assert authors(messages) == ["orchestrator", "fast", "safe", "other", "coder", "executor"]
    assert run.status == "solved"


async def test_a_plan_may_name_a_nested_team_twice_in_a_row() -> None:
    steps = [{"member": name, "do": "work"} for name in ("pair", "pair", "coder")]
    answers = [json.dumps({"steps": steps}), "One.", "Two.", "Three.", RIGHT]
    run, _, messages = await worked(Orchestrated((PAIR, CODER)), *answers)

    assert authors(messages) == ["orchestrator", "fast", "safe", "fast", "coder", "executor"]
    assert run.status == "solved"


async def test_a_hand_off_to_the_user_in_the_last_turn_of_a_nested_team_is_asked_and_its_giver_reads() -> (
    None
):
    log = MemoryLog()
    team = RoundRobin((Nested("pair", Handoff((FAST, SAFE)), stop=turns(1)), CODER))
    run, _, _ = await worked(team, "Dicts?\nHANDOFF: human", log=log)
    assert (run.status, run.question is not None and "Dicts?" in run.question.text) == ("waiting", True)

    model = Scripted(["Lists, then.", RIGHT])
    done = await resume(run.run_id, model=model, log=log, answer=Decision(decision="", words="lists"))

    messages = fold_all(await log.read(run.run_id)).progress.messages
    assert authors(messages) == ["fast", "human", "fast", "coder", "executor"]
    assert "lists" in model.requests[0].messages[-1].content
    assert done.status == "solved"


@pytest.mark.parametrize(
    ("team", "settings", "words"),
    [
        (RoundRobin((FAST, CODER)), Settings(strategy="act"), "--strategy"),
        (RoundRobin((FAST, CODER)), Settings(budget=Budget(samples=3)), "--samples"),
        (RoundRobin((FAST, CODER)), Settings(approve=("plan",)), "`planner`"),
        (RoundRobin((Member("fast", tools=("deplay",), acts=False), CODER)), Settings(), "has deploy"),
    ],
)
async def test_what_a_team_does_not_do_is_refused_before_any_call(
    team: TeamSpec, settings: Settings, words: str
) -> None:
    def deploy(place: str) -> str:
        """Deploy it."""
        return place

    model, log = Scripted([RIGHT]), MemoryLog()
    with pytest.raises(UsageError, match=words):
        await solve(TASK, team=team, settings=settings, model=model, log=log, tools=[deploy])

    assert (model.requests, await log.runs()) == ([], [])


async def test_a_plan_is_approved_where_the_team_has_a_planner() -> None:
    team = RoundRobin((Member("planner"), CODER))
    settings = Settings(approve=("plan",))
    plan = ToolCall(id="plan00001", name="plan", arguments=json.dumps({"steps": ["Add."]}))
    run = await solve(TASK, team=team, settings=settings, model=Scripted([[plan]]), log=MemoryLog())

    assert run.question is not None
    assert run.question.about == "plan"
