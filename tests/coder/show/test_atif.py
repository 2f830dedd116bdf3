"""A run is exported as a trajectory that keeps to the rules of ATIF 1.8, checked here without Harbor."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

from coder.models.model import Sampling, ToolCall, Usage
from coder.run.event_types import CallAnswered, CallIntended, ModelCallFailed, RunStarted
from coder.run.events import Body, Event
from coder.run.forks import forked
from coder.run.settings import Settings
from coder.run.task import Task
from coder.show.atif import write_atif
from tests.coder.show.atif_runs import acting, document, repairing

ROOT_KEYS = {
    "schema_version",
    "session_id",
    "agent",
    "steps",
    "final_metrics",
    "extra",
    "subagent_trajectories",
}
STEP_KEYS = {"step_id", "timestamp", "source", "message", "observation", "extra", "is_copied_context"}
AGENT_KEYS = {"model_name", "reasoning_content", "tool_calls", "metrics", "llm_call_count"}


def require_rules(trajectory: dict[str, Any], *, embedded: bool = False) -> None:
    """Require the rules of the format that Harbor's reader enforces."""
    assert set(trajectory) <= ROOT_KEYS | ({"trajectory_id"} if embedded else set())
    assert (
        {"name", "version"}
        <= set(trajectory["agent"])
        <= {"name", "version", "model_name", "tool_definitions"}
    )
    assert trajectory["steps"]
    for number, step in enumerate(trajectory["steps"], 1):
        assert step["step_id"] == number
        datetime.fromisoformat(step["timestamp"])
        assert isinstance(step["message"], str)
        assert set(step) <= STEP_KEYS | (AGENT_KEYS if step["source"] == "agent" else set())
        assert step["source"] in ("system", "user", "agent")
        ids = {call["tool_call_id"] for call in step.get("tool_calls", ())}
        for result in step.get("observation", {"results": []})["results"]:
            assert result.get("source_call_id") in ids | {None}
    embedded_ids = [attempt["trajectory_id"] for attempt in trajectory.get("subagent_trajectories", ())]
    assert len(set(embedded_ids)) == len(embedded_ids)
    for attempt in trajectory.get("subagent_trajectories", ()):
        require_rules(attempt, embedded=True)


INTENT = CallIntended(
    call=1, participant="p", key="k", messages=(), sampling=Sampling(), reserved_tokens=1, reserved_usd=None
)
STARTED = RunStarted(task=Task(prompt="Do it."), settings=Settings(), model="toy")


def event(seq: int, body: Body) -> Event:
    """Return an event of the run `run_a`."""
    return Event(run="run_a", seq=seq, time=1e9 + seq, type=body.type, body=body.model_dump(mode="json"))


@pytest.mark.slow
def test_an_answer_is_a_step_with_its_calls_their_results_and_its_cost() -> None:
    trajectory = document(acting())

    require_rules(trajectory)
    sources = [step["source"] for step in trajectory["steps"]]
    assert sources == ["system", "user", "agent", "agent", "agent", "agent", "system"]
    bash_step, edit_step, fly_step = trajectory["steps"][2:5]
    assert bash_step["tool_calls"][0]["function_name"] == "bash"
    (result,) = bash_step["observation"]["results"]
    assert (result["source_call_id"], result["extra"]["exit_code"]) == ("bash-1", 0)
    assert "seen" in result["content"]
    assert edit_step["observation"]["results"][0]["extra"]["changed"] == ["calc.py"]
    assert fly_step["tool_calls"][0]["extra"] == {"arguments": "to the moon"}  # no object, so not an argument
    assert trajectory["steps"][-1]["extra"] == {"passed": True, "verified": "tests", "strength": "outside"}
    assert {tool["function"]["name"] for tool in trajectory["agent"]["tool_definitions"]} >= {"bash", "edit"}
    prompts = [step["metrics"]["prompt_tokens"] for step in trajectory["steps"][2:6]]
    assert trajectory["final_metrics"]["total_prompt_tokens"] == sum(prompts) > 0
    assert trajectory["final_metrics"]["total_steps"] == len(sources)
    assert trajectory["extra"]["status"] == "solved"


@pytest.mark.slow
def test_a_failed_verdict_is_a_step_before_the_next_request() -> None:
    trajectory = document(repairing())

    require_rules(trajectory)
    steps = [step for part in (trajectory, *trajectory["subagent_trajectories"]) for step in part["steps"]]
    verdicts = [step["extra"]["passed"] for step in steps if step["message"] == "Verification"]
    assert False in verdicts
    assert True in verdicts


def test_an_attempt_is_a_trajectory_of_its_own_that_a_step_refers_to() -> None:
    trajectory = document(repairing())

    (attempt, *_) = trajectory["subagent_trajectories"]
    (reference,) = trajectory["steps"][0]["observation"]["results"][0]["subagent_trajectory_ref"]
    assert reference["trajectory_id"] == attempt["trajectory_id"] == attempt["session_id"]
    assert {step["source"] for step in attempt["steps"]} >= {"user", "agent"}


def test_steps_of_a_forked_run_are_copied_context() -> None:
    trajectory = document(forked(acting(), "run_fork", step=2))

    require_rules(trajectory)
    assert trajectory["session_id"] == "run_fork"
    assert all(step["is_copied_context"] for step in trajectory["steps"])
    assert trajectory["final_metrics"]["total_prompt_tokens"] == 0  # another run has paid for them


def test_a_run_without_a_call_has_its_task_as_its_one_step() -> None:
    trajectory = document([event(1, STARTED)])

    require_rules(trajectory)
    assert [(step["source"], step["message"]) for step in trajectory["steps"]] == [("user", "Do it.")]


def test_a_call_without_an_answer_is_a_step_with_its_error() -> None:
    failed = ModelCallFailed(call=1, error="ModelUnavailable", message="refused")

    trajectory = document([event(1, STARTED), event(2, INTENT), event(3, failed)])

    require_rules(trajectory)
    assert trajectory["steps"][0]["extra"] == {"call": 1, "error": "ModelUnavailable"}


def test_an_unknown_price_is_no_cost_of_zero() -> None:
    answer = CallAnswered(
        call=1, key="k", model="m", text="t", finish="stop", usage=Usage(), cost_usd=None, seconds=1.0
    )
    trajectory = document([event(1, STARTED), event(2, INTENT), event(3, answer)])

    require_rules(trajectory)
    assert "total_cost_usd" not in trajectory["final_metrics"]
    assert "cost_usd" not in trajectory["steps"][0]["metrics"]


def test_content_that_is_no_text_leaves_valid_json() -> None:
    calls = (ToolCall(id="1", name="bash", arguments='{"command": "\\udcff"}'),)
    answer = CallAnswered(
        call=1,
        key="k",
        model="m",
        text="",
        tool_calls=calls,
        finish="",
        usage=Usage(),
        cost_usd=None,
        seconds=1,
    )
    text = write_atif([event(1, STARTED), event(2, INTENT), event(3, answer)])

    assert '"command": "?"' in text
    assert text.encode("utf-8")


BREAKS: dict[str, Callable[[dict[str, Any]], object]] = {
    "number": lambda trajectory: trajectory["steps"].reverse(),
    "time": lambda trajectory: trajectory["steps"][0].update(timestamp="noon"),
    "source": lambda trajectory: trajectory["steps"][0].update(source="tool"),
    "key": lambda trajectory: trajectory.update(more=1),
    "metrics": lambda trajectory: trajectory["steps"][0].update(metrics={}),
    "reference": lambda trajectory: trajectory["steps"][2]["observation"]["results"][0].update(
        source_call_id="x"
    ),
}
"""Changes that break one rule of the format."""


@pytest.mark.parametrize("name", sorted(BREAKS))
def test_the_rules_of_this_file_notice_a_broken_document(name: str) -> None:
    trajectory = document(acting())
    BREAKS[name](trajectory)

    with pytest.raises((AssertionError, ValueError)):
        require_rules(trajectory)
