"""The Planner's dialogue: it looks by commands in a copy, hands in a plan, and nothing of the copy stays."""

from pathlib import Path

import pytest

from coder.engine.resume import fork
from coder.engine.teams import Member, RoundRobin
from coder.environment.workbench import Workbench
from coder.models.roles import RoleModels
from coder.models.scripted import Scripted
from coder.run.event_types import CallIntended, DialogueTaken, Spoken, ToolAnswered, parse
from coder.run.questions import Decision
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget, Settings
from coder.run.stored_file import StoredFile
from coder.run.task import Task
from coder.show import render
from coder.tools.shortened import DEFAULT_CHARACTERS
from tests.coder.run.test_questions import Person
from tests.coder.states import distinct_cuts, started, state_of
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .test_acting import EDIT, RIGHT, WRONG, Toolless, bash, call, project, told
from .test_acting_cut import TEST, cut_log

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

__all__ = ["project"]
PLAN = [call("plan", steps=["Turn the sign in calc.py.", "Run the tests."])]
OTHER = [call("plan", steps=["Write add anew in calc.py."])]
QUOTED = "Follow this plan:\n1. Turn the sign in calc.py.\n2. Run the tests."
SPOIL = bash("sed -i 's/a - b/a * b/' calc.py; echo 1 > spoilt.txt; cat calc.py")
PLANNED = Settings(strategy="act", plan=True)
ASKED = Settings(strategy="act", approve=("plan",))
YES, ANOTHER = Decision(decision="yes"), Decision(decision="no", words="write it anew")


async def planned(
    folder: Path,
    *answers: object,
    settings: Settings = PLANNED,
    log: MemoryLog | None = None,
    **options: object,
) -> tuple[Run, Scripted]:
    """A run whose first answers are the Planner's."""
    model = Scripted(answers)  # type: ignore[arg-type]
    task = Task(prompt="Mend add.", workspace=folder, test_command=TEST)
    return await solve(task, model=model, settings=settings, log=log or MemoryLog(), **options), model  # type: ignore[arg-type]


def offered(model: Scripted) -> list[list[str]]:
    return [[tool.name for tool in request.form.tools] if request.form else [] for request in model.requests]


@pytest.mark.slow
async def test_the_planner_looks_by_commands_and_the_coder_begins_with_its_plan(project: Path) -> None:
    log = MemoryLog()
    run, model = await planned(project, bash("cat calc.py"), PLAN, EDIT, log=log)

    assert offered(model) == [["bash", "plan", "ask"]] * 2 + [["bash", "edit", "plan", "done", "ask"]]
    assert "return a - b" in told(model, 2)
    assert QUOTED in told(model, 3)
    assert (run.status, run.calls, (project / "calc.py").read_text()) == ("solved", 3, RIGHT)


async def test_calls_and_words_of_the_planner_stand_in_the_log_as_its_own(project: Path) -> None:
    log = MemoryLog()
    run, _ = await planned(project, bash("pwd"), PLAN, EDIT, log=log)

    bodies = [parse(event) for event in await log.read(run.run_id)]
    callers = [body.participant for body in bodies if isinstance(body, CallIntended)]
    authors = [body.message.author for body in bodies if isinstance(body, Spoken)]
    assert callers == ["planner", "planner", "coder"]
    assert authors == ["planner", "coder", "executor"]
    lines = [line for body in bodies if body is not None and (line := render.progress(body))]
    assert any("plan  2 lines: 1. Turn the sign" in line for line in lines)


async def test_a_model_without_tools_plans_in_one_answer(project: Path) -> None:
    planner = Scripted(["1. Turn the sign."], name="local/small-1B")
    coder = Scripted([EDIT])
    model = RoleModels(coder, {"planner": planner})
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)

    run = await solve(task, model=model, settings=PLANNED, log=MemoryLog())

    assert (run.status, planner.requests[0].form) == ("solved", None)
    assert "Follow this plan:\n1. Turn the sign." in told(coder, 1)


async def spoilt(project: Path) -> tuple[Run, Scripted]:
    """A run whose Planner has changed files, and whose Coder looks and then mends."""
    return await planned(project, SPOIL, PLAN, bash("cat calc.py; ls"), EDIT)


@pytest.mark.slow
async def test_what_the_planner_changes_reaches_neither_the_coder_nor_the_users_folder(
    project: Path,
) -> None:
    run, model = await spoilt(project)

    assert "return a * b" in told(model, 2)
    assert "return a - b" in told(model, 4)
    assert "spoilt.txt" not in told(model, 4)
    assert (run.status, run.landed, (project / "calc.py").read_text()) == ("solved", ("calc.py",), RIGHT)
    assert not (project / "spoilt.txt").exists()


@pytest.mark.slow
async def test_in_the_coders_own_session_it_would_reach_the_coder(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Workbench, "copy_session", Workbench.session)

    _, model = await spoilt(project)

    assert "return a * b" in told(model, 4)
    assert "spoilt.txt" in told(model, 4)


@pytest.mark.parametrize("on_copy", [True, False])
def test_changes_of_a_dialogue_on_a_copy_are_in_no_tree(on_copy: bool) -> None:
    changes = {"calc.py": StoredFile.of(b"spoilt")}
    dialogue = DialogueTaken(participant="planner", on_copy=on_copy)
    answered = ToolAnswered(call=1, id="a", name="bash", text="", changes=changes, left_out=("x: link",))

    during = state_of([started(), dialogue, answered]).dialogue.session
    after = state_of([started(), dialogue, answered, DialogueTaken(participant="coder")]).dialogue.session

    assert [*during.tree, *after.tree] == ([] if on_copy else ["calc.py", "calc.py"])
    assert bool(after.left_out) is not on_copy


async def test_nothing_lands_from_a_planner_whose_limit_is_reached(project: Path) -> None:
    settings = PLANNED.model_copy(update={"budget": Budget(max_calls=2), "keep": True})
    run, model = await planned(project, SPOIL, SPOIL, PLAN, settings=settings)

    assert (run.status, run.landed, run.files, len(model.requests)) == ("limit", (), {}, 2)
    assert (project / "calc.py").read_text() == WRONG


async def test_edits_in_an_answer_of_the_planner_are_not_made(project: Path) -> None:
    run, model = await planned(project, EDIT, PLAN, bash("cat calc.py"), EDIT)

    assert told(model, 2).startswith("That is no plan yet")
    assert "return a - b" in told(model, 4)
    assert run.status == "solved"


async def test_an_edit_that_the_planner_calls_is_not_made(project: Path) -> None:
    edit = [call("edit", path="calc.py", old="a - b", new="a * b")]
    _, model = await planned(project, edit, PLAN, bash("cat calc.py"), EDIT)

    assert told(model, 2) == "There is no tool 'edit'. There are: bash, plan, ask."
    assert "return a - b" in told(model, 4)


@pytest.mark.slow
async def test_words_alone_are_answered_once_and_then_taken_for_the_plan(project: Path) -> None:
    run, model = await planned(project, "1. Think.", "1. Turn the sign.", EDIT)

    assert told(model, 2).startswith("That is no plan yet")
    assert "Follow this plan:\n1. Turn the sign." in told(model, 3)
    assert run.status == "solved"


@pytest.mark.slow
async def test_steps_that_do_not_fit_are_answered_with_what_is_wrong(project: Path) -> None:
    _, model = await planned(project, [call("plan", steps=[])], PLAN, EDIT)

    assert told(model, 2).startswith("error: The arguments of plan don't fit: steps: ")


@pytest.mark.slow
async def test_no_but_goes_on_in_the_planners_dialogue(project: Path) -> None:
    person = Person(ANOTHER, YES, YES)
    run, model = await planned(project, bash("ls"), PLAN, OTHER, EDIT, settings=ASKED, watch=person)

    before, after = model.requests[1].messages, model.requests[2].messages
    assert after[: len(before)] == before
    assert (after[-1].role, after[-1].tool_call_id) == ("tool", PLAN[0].id)
    assert "The user wants a different plan: write it anew" in after[-1].content
    assert [question.about for question in person.asked] == ["plan", "plan", "landing"]
    assert "Turn the sign in calc.py." in person.asked[0].text
    assert "Follow this plan:\n1. Write add anew in calc.py." in told(model, 4)
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_plan_waits_for_a_word_and_no_answered_call_is_made_again(project: Path) -> None:
    log = MemoryLog()
    waiting, model = await planned(project, bash("ls"), PLAN, OTHER, EDIT, settings=ASKED, log=log)
    again = await resume(waiting.run_id, model=model, log=log, answer=ANOTHER)
    done = await resume(waiting.run_id, model=model, log=log, answer=YES)

    assert waiting.question is not None
    assert again.question is not None
    assert (waiting.status, waiting.question.about, again.status) == ("waiting", "plan", "waiting")
    assert "Write add anew" in again.question.text
    assert (done.status, len(model.requests)) == ("solved", 4)


@pytest.mark.slow
async def test_the_planner_asks_the_user_and_goes_on_with_the_answer(project: Path) -> None:
    log = MemoryLog()
    question = [call("ask", question="Which sign?")]
    waiting, model = await planned(project, question, PLAN, EDIT, log=log)
    done = await resume(waiting.run_id, model=model, log=log, answer="plus")

    assert (waiting.status, told(model, 2)) == ("waiting", "plus")
    assert "You asked:\nWhich sign?\n\nThe answer:\nplus" in told(model, 3)
    assert done.status == "solved"


@pytest.mark.slow
async def test_a_planner_that_repeats_itself_ends_the_run_and_plans_again_on_a_resume(project: Path) -> None:
    log = MemoryLog()
    run, _ = await planned(project, bash("pwd"), bash("pwd"), bash("pwd"), log=log)
    model = Scripted([PLAN, EDIT])
    again = await resume(run.run_id, model=model, log=log)

    assert (run.status, again.status) == ("stuck", "solved")
    assert offered(model)[0] == ["bash", "plan", "ask"]


@pytest.mark.slow
async def test_a_long_output_is_cut_for_the_planner_as_for_the_coder(project: Path) -> None:
    _, model = await planned(project, bash("seq 100000"), PLAN, bash("seq 100000"), EDIT)

    sizes = [len(told(model, request)) for request in (2, 4)]
    assert sizes[0] == sizes[1] < 2 * DEFAULT_CHARACTERS


@pytest.mark.slow
async def test_an_endpoint_that_refuses_tools_plans_in_text(project: Path) -> None:
    answers = ["```bash\ncat calc.py\n```", "So:\n\nPLAN\n1. Turn the sign.", EDIT]
    model = Toolless(answers)
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)

    run = await solve(task, model=model, settings=PLANNED, log=MemoryLog())

    assert "return a - b" in told(model, 2)
    assert "Tools can't be called here" in model.requests[2].messages[0].content
    assert "Follow this plan:\n1. Turn the sign." in told(model, 3)
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_fork_at_a_step_of_the_planner_goes_on_planning_in_a_copy(project: Path) -> None:
    log = MemoryLog()
    first, _ = await planned(project, bash("ls"), bash("pwd"), PLAN, EDIT, log=log)
    (project / "calc.py").write_text(WRONG)
    model = Scripted([SPOIL, OTHER, bash("cat calc.py"), EDIT])

    run = await fork(first.run_id, step=1, say="Anew, please.", log=log, model=model)

    assert model.requests[0].messages[-1].content == "Anew, please."
    assert offered(model)[:3] == [["bash", "plan", "ask"]] * 2 + [["bash", "edit", "plan", "done", "ask"]]
    assert "return a - b" in told(model, 4)
    assert run.status == "solved"


@pytest.mark.slow
async def test_a_team_s_planner_that_acts_looks_by_commands(project: Path) -> None:
    team = RoundRobin((Member("planner", acts=True), Member("coder", acts=True)))
    run, model = await planned(project, SPOIL, PLAN, EDIT, settings=Settings(), team=team)

    assert offered(model)[0] == ["bash", "plan", "ask"]
    assert QUOTED in told(model, 3)
    assert (run.status, run.landed) == ("solved", ("calc.py",))


@pytest.mark.slow
async def test_a_run_cut_after_any_kind_of_event_of_its_planning_ends_as_it_would_have(project: Path) -> None:
    answers = (bash("ls"), PLAN, SPOIL, OTHER, bash("cat calc.py"), EDIT)
    whole = MemoryLog()
    person = Person(ANOTHER, YES, YES)
    first, _ = await planned(project, *answers, settings=ASKED, log=whole, watch=person)
    events = await whole.read(first.run_id)
    ends = next(n for n, event in enumerate(events) if event.type == "message.spoken")

    assert first.status == "solved"
    for cut in distinct_cuts(events, 1, ends + 2):
        (project / "calc.py").write_text(WRONG)
        log = await cut_log(events[:cut], first.run_id)
        kept = fold_all(await log.read(first.run_id))
        answered = sum(event.type == "model.answered" for event in events[:cut])
        rest = Scripted(answers[answered:])
        decisions = [ANOTHER, YES, YES][len(kept.questions.answers) :]

        run = await resume(first.run_id, model=rest, log=log, watch=Person(*decisions))

        where = f"cut after event {cut}, {events[cut - 1].type}"
        assert (run.status, run.landed) == ("solved", ("calc.py",)), where
        assert len(rest.requests) == len(answers) - answered, where
        assert "return a - b" in told(rest, len(rest.requests)), where
