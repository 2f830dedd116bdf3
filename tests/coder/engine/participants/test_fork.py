"""A run that goes on from a step of another one: its dialogue, its tree, limits of its own."""

import json
from pathlib import Path

import pytest

from coder.base.errors import LeaseHeld, UsageError
from coder.engine.resume import fork
from coder.models.chat_completions import ChatModel
from coder.models.scripted import Scripted
from coder.run.costs import costs_of
from coder.run.reducer import fold_all
from coder.run.run import Run
from coder.run.settings import Budget
from coder.run.task import Task
from tests.coder.models.asking import QUICK, endpoint_of
from tests.coder.states import distinct_cuts
from tests.faulty_endpoint import faulty_endpoint, message
from tests.kept_baselines import KEPT_BASELINES
from tests.kept_sandboxes import KEPT, resume, solve
from tests.memory_log import MemoryLog
from tests.recorded_runs import RECORDED

from .test_acting import DONE, RIGHT, SETTINGS, WRONG, bash, call, project
from .test_acting_cut import TEST, cut_log
from .test_acting_opaque import thought, use

pytestmark = [KEPT, RECORDED, KEPT_BASELINES]

__all__ = ["project"]
TWICE = [call("edit", path="calc.py", old="a - b", new="a * b"), *bash("echo 1 > log.txt")]
MEND = [call("edit", path="calc.py", old="a * b", new="a + b")]


async def begun(folder: Path, log: MemoryLog) -> tuple[Run, Scripted]:
    """A run that stops at its limit, after four steps: a look, two calls of one answer, another look."""
    model = Scripted([bash("cat calc.py"), TWICE, bash("ls")])
    task = Task(prompt="Mend add.", workspace=folder, test_command=TEST)
    settings = SETTINGS.model_copy(update={"budget": Budget(max_calls=3)})
    return await solve(task, model=model, settings=settings, log=log), model


@pytest.mark.slow
async def test_a_fork_begins_with_the_dialogue_and_the_tree_of_the_step(project: Path) -> None:
    log = MemoryLog()
    first, before = await begun(project, log)
    events = await log.read(first.run_id)
    model = Scripted([bash("cat calc.py; ls"), MEND, DONE])

    run = await fork(
        first.run_id, step=3, say="Add, please.", log=log, model=model, budget=Budget(max_calls=4)
    )

    (first_request, second_request, *_), kept = model.requests, before.requests[2].messages
    assert first_request.messages[: len(kept)] == kept
    assert [chat_message.content for chat_message in first_request.messages[len(kept) :]] == ["Add, please."]
    assert second_request.messages[-1].content.startswith("[The session was restarted")
    assert "return a * b" in second_request.messages[-1].content
    assert "log.txt" in second_request.messages[-1].content
    assert (run.status, run.calls, run.limits.max_calls) == ("solved", 3, 4)
    assert (project / "calc.py").read_text() == RIGHT
    assert await log.read(first.run_id) == events


@pytest.mark.slow
async def test_calls_behind_the_step_are_not_made_and_the_model_is_told(project: Path) -> None:
    log = MemoryLog()
    first, _ = await begun(project, log)
    model = Scripted([bash("ls"), MEND, DONE])

    await fork(first.run_id, step=2, say="Add, please.", log=log, model=model, budget=Budget(max_calls=4))

    *_, not_made, words = model.requests[0].messages
    assert not_made.content == "[This call was not made: the user goes on from the results above.]"
    assert (not_made.role, not_made.tool_call_id) == ("tool", TWICE[1].id)
    assert (words.role, words.content) == ("user", "Add, please.")
    assert "log.txt" not in model.requests[1].messages[-1].content


@pytest.mark.slow
async def test_a_fork_says_whose_it_is_and_counts_only_its_own(project: Path) -> None:
    log = MemoryLog()
    first, _ = await begun(project, log)

    run = await fork(first.run_id, step=1, log=log, model=Scripted([bash("pwd"), bash("true")] * 2))

    events = await log.read(run.run_id)
    state = fold_all(events)
    assert state.progress.origin is not None
    assert state.progress.origin.words == f"fork of {first.run_id} at step 1"
    assert (run.status, run.calls, len(costs_of(events).calls)) == ("limit", 3, 3)
    assert run.tokens.input < 4 * first.tokens.input
    assert [summary.run for summary in await log.runs()] == [run.run_id, first.run_id]


@pytest.mark.slow
async def test_a_fork_cut_after_any_kind_of_event_goes_on_and_hears_the_words_once(project: Path) -> None:
    log = MemoryLog()
    first, _ = await begun(project, log)
    answers = [bash("ls"), MEND, DONE]
    whole = await fork(first.run_id, step=2, say="Add, please.", log=log, model=Scripted(answers))
    events = await log.read(whole.run_id)
    begin = next(event.seq for event in events if event.type == "run.origin")
    land = next(event.seq for event in events if event.type == "landing.planned")

    for cut in distinct_cuts(events, begin + 2, land):
        (project / "calc.py").write_text(WRONG)
        answer_count = sum(event.type == "model.answered" for event in events[begin:cut])
        is_lost = events[cut - 1].type == "tool.called" and answer_count == 2
        model = Scripted([*([MEND] if is_lost else []), *answers[answer_count:]])
        again = await resume(
            whole.run_id,
            log=await cut_log(events[:cut], whole.run_id),
            model=model,
            budget=Budget(max_calls=9),
        )

        assert (again.status, len(model.requests)) == ("solved", 3 - answer_count + is_lost), cut
        for request in model.requests:
            assert [chat_message.content for chat_message in request.messages].count("Add, please.") == 1, cut


@pytest.mark.slow
async def test_another_model_gets_the_dialogue_without_what_was_signed_for_the_first(project: Path) -> None:
    answers = [
        message(thought(1), use("bash", command="cat calc.py"), stop="tool_use"),
        message(thought(2), use("done", summary="Done."), stop="tool_use"),
    ]
    mended = message(use("edit", path="calc.py", old="a - b", new="a + b"), stop="tool_use")
    done = message(use("done", summary="It adds."), stop="tool_use")
    log, task = MemoryLog(), Task(prompt="Mend add.", workspace=project, test_command=TEST)
    few = SETTINGS.model_copy(update={"budget": Budget(max_calls=2)})

    with faulty_endpoint(*answers, mended, done, mended, done) as server:
        endpoint = endpoint_of(server, name="anthropic/claude-toy", api="messages")
        other = endpoint_of(server, name="anthropic/claude-other", api="messages")
        async with ChatModel(endpoint, patience=QUICK) as model:
            first = await solve(task, model=model, settings=few, log=log)
            same = await fork(first.run_id, step=1, log=log, model=model)
        (project / "calc.py").write_text(WRONG)
        async with ChatModel(other, patience=QUICK) as model:
            run = await fork(first.run_id, step=1, log=log, model=model)

    _, second, again, _, others, _ = [json.dumps(request.body["messages"]) for request in server.requests]
    assert (same.status, run.status, run.model) == ("solved", "solved", "anthropic/claude-other")
    assert again == second
    assert json.dumps(thought(1)) in second
    assert "thinking" not in others
    assert "cat calc.py" in others


@pytest.mark.slow
async def test_a_fork_knows_the_plan_that_its_model_has_made(project: Path) -> None:
    log, steps = MemoryLog(), [{"text": "mend it", "status": "doing"}]
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)
    model = Scripted([[call("plan", steps=steps)], bash("ls"), "Enough."])
    first = await solve(task, model=model, settings=SETTINGS, log=log)

    run = await fork(first.run_id, step=2, log=log, model=Scripted([MEND, "Done."]))

    assert json.loads(fold_all(await log.read(run.run_id)).dialogue.plan) == {"steps": steps}


@pytest.mark.slow
async def test_a_fork_of_a_fork_goes_on_from_both(project: Path) -> None:
    log = MemoryLog()
    first, _ = await begun(project, log)
    second = await fork(
        first.run_id, step=3, say="Look again.", log=log, model=Scripted([bash("cat calc.py")] * 4)
    )
    model = Scripted([MEND, DONE])

    run = await fork(second.run_id, step=4, say="Add, please.", log=log, model=model)

    texts = [message.content for message in model.requests[0].messages if message.role == "user"]
    assert texts[1:] == ["Look again.", "Add, please."]
    assert (run.status, run.calls) == ("solved", 2)


@pytest.mark.slow
async def test_in_a_large_folder_a_fork_takes_what_the_user_has_edited_and_hears_the_words(
    project: Path,
) -> None:
    (project / "large.txt").write_text("x" * 3_000_000)
    log, task = MemoryLog(), Task(prompt="Mend add.", workspace=project, test_command=TEST)
    broken = [call("edit", path="calc.py", old="a - b", new="a * b")]
    few = SETTINGS.model_copy(update={"budget": Budget(max_calls=3)})
    model = Scripted([broken, DONE, bash("ls")])
    first = await solve(task, model=model, settings=few, log=log)
    (project / "notes.txt").write_text("Mine.\n")
    again = Scripted([bash("cat notes.txt"), MEND, DONE])

    run = await fork(first.run_id, step=2, say="Add, please.", log=log, model=again)

    assert "listing" in (await log.read(run.run_id))[0].body
    assert again.requests[0].messages[-1].content == "Add, please."
    assert again.requests[1].messages[-1].content.partition("]\n")[2].startswith("Mine.")
    assert run.status == "solved"
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "words"), [(0, "has 4 steps, so there is no step 0"), (5, "has 4 steps, so there is no step 5")]
)
async def test_a_step_that_is_not_there_is_refused(project: Path, step: int, words: str) -> None:
    log = MemoryLog()
    first, _ = await begun(project, log)

    with pytest.raises(UsageError, match=words):
        await fork(first.run_id, step=step, log=log, model=Scripted([]))

    assert len(await log.runs()) == 1


@pytest.mark.slow
async def test_a_run_that_is_at_work_is_not_forked(project: Path) -> None:
    log = MemoryLog()
    first, _ = await begun(project, log)

    async with log.lease(first.run_id):
        with pytest.raises(LeaseHeld):
            await fork(first.run_id, step=1, log=log, model=Scripted([]))


@pytest.mark.slow
async def test_a_run_whose_model_calls_no_tool_and_one_that_nobody_knows_are_refused(project: Path) -> None:
    log = MemoryLog()
    repairs = SETTINGS.model_copy(update={"strategy": "repair"})
    task = Task(prompt="Mend add.", workspace=project, test_command=TEST)
    answer = f"`calc.py`\n```python\n{RIGHT}```"
    run = await solve(task, model=Scripted([answer]), settings=repairs, log=log)
    acted, _ = await begun(project, log)

    for name, options in ((f"{run.run_id}.1", {}), ("run_nobody", {}), (acted.run_id, {"settings": repairs})):
        with pytest.raises(UsageError, match=r"called no tool|no such run|repair has none"):
            await fork(name, step=1, log=log, model=Scripted([]), **options)  # type: ignore[arg-type]
