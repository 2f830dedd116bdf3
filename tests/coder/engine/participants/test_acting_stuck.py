"""When a model that works in a session gets nowhere: the run ends as stuck, with what was changed tried."""

from pathlib import Path

import pytest

from tests.kept_sandboxes import KEPT
from tests.recorded_runs import RECORDED

from .test_acting import DONE, EDIT, RIGHT, bash, call, project, told, worked

pytestmark = [KEPT, RECORDED]

__all__ = ["project"]
TESTS = bash("python -m pytest -q")


@pytest.mark.slow
async def test_the_same_call_with_the_same_result_three_times_is_stuck(project: Path) -> None:
    run, model = await worked(project, bash("ls"), *[TESTS] * 3, EDIT)

    assert (run.status, len(model.requests)) == ("stuck", 4)


@pytest.mark.slow
async def test_calls_that_take_turns_with_the_same_results_are_stuck(project: Path) -> None:
    run, model = await worked(project, *[bash("ls"), TESTS, bash("cat calc.py")] * 3, EDIT)

    assert (run.status, len(model.requests)) == ("stuck", 9)


@pytest.mark.slow
async def test_the_same_call_after_others_that_are_new_is_not_stuck(project: Path) -> None:
    looks = [bash("ls"), TESTS, bash("ls -a"), TESTS, bash("ls -l"), TESTS]

    run, _ = await worked(project, *looks, EDIT)

    assert run.status == "solved"


@pytest.mark.slow
async def test_what_a_stuck_model_has_changed_is_tried(project: Path) -> None:
    run, _ = await worked(project, bash("sed -i 's/a - b/a + b/' calc.py"), *[bash("ls")] * 3)

    assert run.status == "solved"
    assert (project / "calc.py").read_text() == RIGHT


@pytest.mark.slow
async def test_the_same_call_on_a_changed_tree_is_not_stuck(project: Path) -> None:
    run, _ = await worked(project, *[bash("echo 1 >> log.txt")] * 4, EDIT)

    assert run.status == "solved"


@pytest.mark.slow
async def test_the_same_call_in_one_answer_is_not_stuck(project: Path) -> None:
    run, model = await worked(project, bash("ls") * 3, EDIT)

    assert (run.status, len(model.requests)) == ("solved", 2)


@pytest.mark.slow
async def test_waiting_for_a_program_in_the_background_is_not_stuck(project: Path) -> None:
    server = [call("bash", command="sleep 60", background=True)]

    run, _ = await worked(project, server, *[bash("ls")] * 4, EDIT)

    assert run.status == "solved"


@pytest.mark.slow
async def test_three_empty_answers_are_stuck(project: Path) -> None:
    run, model = await worked(project, bash("ls"), "", "", "", EDIT)

    assert (run.status, len(model.requests)) == ("stuck", 4)


@pytest.mark.slow
async def test_two_empty_answers_are_answered(project: Path) -> None:
    run, _ = await worked(project, "", "", EDIT)

    assert run.status == "solved"


@pytest.mark.slow
async def test_fifty_calls_are_all_answered_and_twenty_are_made(project: Path) -> None:
    calls = [call("bash", command=f"echo {n:02} >> log.txt") for n in range(50)]

    run, model = await worked(project, calls, EDIT)

    results = [message for message in model.requests[1].messages if message.role == "tool"]
    assert len({message.tool_call_id for message in results}) == 50
    assert sum("Not carried out" in message.content for message in results) == 30
    assert (run.status, run.files["log.txt"].count("\n")) == ("solved", 20)


@pytest.mark.slow
async def test_calls_that_do_not_fit_are_answered_and_those_behind_done_wait(project: Path) -> None:
    twice = call("bash", command="echo 1 >> log.txt")
    broken = twice.model_copy(update={"id": "b", "arguments": '{"command": '})
    unknown = call("browse", url="x")

    run, model = await worked(project, [unknown, broken, twice, twice, *DONE, *bash("touch late")], EDIT)

    answer = next(message for message in model.requests[1].messages if message.tool_calls)
    results = [message for message in model.requests[1].messages if message.role == "tool"]
    assert [message.tool_call_id for message in results] == [one.id for one in answer.tool_calls]
    assert len({one.id for one in answer.tool_calls}) == 6
    assert "no tool 'browse'" in results[0].content
    assert "no JSON" in results[1].content
    assert "behind done" in told(model, 2)
    assert (run.status, run.files["log.txt"], "late" in run.files) == ("solved", "1\n1\n", False)


@pytest.mark.slow
async def test_done_without_a_change_gets_one_follow_up_and_is_then_an_answer(project: Path) -> None:
    run, model = await worked(project, DONE, DONE)

    assert told(model, 2).startswith("No file has changed yet.")
    assert (run.status, run.exit_code, run.words) == ("answered", 8, "It adds now.")
