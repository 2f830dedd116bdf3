"""A run as a trajectory in the Agent Trajectory Interchange Format (ATIF), version 1.8, as Harbor reads it.

Each request's new messages, each answer with its tool calls and results, and each verdict is a step. An
attempt is an embedded trajectory. Equal events give equal trajectories.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from json import dumps
from typing import Any

from coder.models.model import ToolCall, ToolSpec
from coder.run import event_types
from coder.run.costs import costs_of
from coder.run.events import Event
from coder.run.message import HUMAN, Outcome, OutcomeMessage

SCHEMA_VERSION = "ATIF-v1.8"
_Json = dict[str, Any]  # none leaves this module


def write_atif(events: Sequence[Event]) -> str:
    """Return the trajectory of a run as one JSON document; content that isn't text is replaced.

    Args:
        events: the events of the run, with those of each attempt where it began.
    """
    text = dumps(_document(events), ensure_ascii=False, indent=1)
    return text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates stand for bytes


def _document(events: Sequence[Event]) -> _Json:
    """Return the trajectory of the first event's run, with the other runs' trajectories embedded."""
    events_by_run: dict[str, list[Event]] = {}
    for event in events:
        events_by_run.setdefault(event.run, []).append(event)
    run, *attempts = events_by_run
    trajectory = _trajectory(run, events_by_run[run], attempts)
    cost = costs_of(events).cost_usd
    if cost is not None:  # of the whole document, as the format has it
        trajectory["final_metrics"]["total_cost_usd"] = float(cost)
    if attempts:
        trajectory["subagent_trajectories"] = [
            {"trajectory_id": attempt, **_trajectory(attempt, events_by_run[attempt], ())}
            for attempt in attempts
        ]
    return trajectory


def _trajectory(run: str, events: Iterable[Event], attempts: Sequence[str]) -> _Json:
    steps = _Steps(frozenset(attempts))
    events = list(events)
    for event in events:
        body = event_types.parse_if_readable(event)
        if body is not None:
            steps.add(event, body)
    if not steps.steps:  # no model was called; the format wants a step
        steps.append(events[0], "user", steps.task)
    costs = costs_of(events)
    metrics = {
        "total_prompt_tokens": costs.usage.input_tokens,
        "total_completion_tokens": costs.usage.output_tokens,
        "total_cached_tokens": costs.usage.cached_tokens,
        "total_steps": len(steps.steps),
        **({"total_cost_usd": float(costs.cost_usd)} if costs.cost_usd is not None else {}),
    }
    agent: _Json = {"name": "coder", "version": version("coder-agent"), "model_name": steps.model}
    if steps.tools:
        agent["tool_definitions"] = [_definition(tool) for tool in steps.tools.values()]
    return {
        "schema_version": SCHEMA_VERSION,
        "session_id": run,
        "agent": agent,
        "steps": steps.steps,
        "final_metrics": metrics,
        "extra": {"task": steps.task, **steps.result},
    }


@dataclass(slots=True)
class _Steps:
    """Steps of a trajectory, from the events so far."""

    attempts: frozenset[str]
    """Attempts whose trajectories are embedded."""
    steps: list[_Json] = field(default_factory=list)
    task: str = ""
    model: str = ""
    tools: dict[str, ToolSpec] = field(default_factory=dict)
    result: _Json = field(default_factory=dict)
    participants: dict[int, str] = field(default_factory=dict)
    """Participants by the number of their call."""
    answers: dict[int, _Json] = field(default_factory=dict)
    """Steps of the models' answers, by the number of the call."""

    def append(self, event: Event, source: str, message: str, **fields: object) -> _Json:
        """Add a step, without its empty fields."""
        step = {
            "step_id": len(self.steps) + 1,
            "timestamp": datetime.fromtimestamp(event.time, UTC).isoformat(),
            "source": source,
            "message": message,
            **{name: value for name, value in fields.items() if value not in (None, "", [], {})},
        }
        self.steps.append(step)
        return step

    def add(self, event: Event, body: event_types.Body) -> None:
        """Add what an event says."""
        match body:
            case event_types.RunStarted() | event_types.StepStarted():
                self.task, self.model = self.task or body.task.prompt, body.model
            case event_types.RunOrigin():
                for step in self.steps:  # of the forked run
                    step["is_copied_context"] = True
            case event_types.CallIntended():
                self._add_request(event, body)
            case event_types.CallAnswered():
                self._add_answer(event, body)
            case event_types.ModelCallFailed():
                self.append(event, "system", body.message, extra={"call": body.call, "error": body.error})
            case event_types.ContextFolded():
                self.append(event, "system", "The dialogue was shortened.", extra={"context_folded": True})
            case event_types.ToolAnswered():
                self._add_result(event, body)
            case event_types.AttemptStarted(run=run) if run in self.attempts:
                result = {"subagent_trajectory_ref": [{"trajectory_id": run, "session_id": run}]}
                self.append(event, "system", f"Attempt {body.attempt}", observation={"results": [result]})
            case event_types.Spoken(message=OutcomeMessage(outcome=outcome)):
                self.append(event, "system", "Verification", **_verdict(outcome))
            case event_types.Spoken(message=message) if message.author == HUMAN:
                self.append(event, "user", message.text, extra={"kind": message.kind})
            case event_types.RunStopped():
                self.result = {"status": body.status, "reason": body.reason, "verified": body.verified}

    def _add_request(self, event: Event, body: event_types.CallIntended) -> None:
        self.participants[body.call] = body.participant
        self.tools |= {tool.name: tool for tool in (body.form.tools if body.form else ())}
        extra = {"call": body.call, "participant": body.participant, "in_dialogue": body.in_dialogue}
        for message in body.messages:
            if message.role in ("system", "user"):  # answers and results have steps of their own
                images = {"images": len(message.images)} if message.images else {}
                self.append(event, message.role, message.content, extra=extra | images)

    def _add_answer(self, event: Event, body: event_types.CallAnswered) -> None:
        usage = body.usage
        metrics = {
            "prompt_tokens": usage.input_tokens,
            "completion_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            **({"cost_usd": float(body.cost_usd)} if body.cost_usd is not None else {}),
            "extra": {"reasoning_tokens": usage.reasoning_tokens, "seconds": body.seconds},
        }
        self.answers[body.call] = self.append(
            event,
            "agent",
            body.text,
            model_name=body.model,
            reasoning_content=body.reasoning,
            tool_calls=[_call(call) for call in body.tool_calls],
            metrics=metrics,
            llm_call_count=1,
            extra={
                "call": body.call,
                "participant": self.participants.get(body.call, ""),
                "finish": body.finish,
            },
        )

    def _add_result(self, event: Event, body: event_types.ToolAnswered) -> None:
        step = self.answers.get(body.call) or self.append(event, "system", "Result of a tool")
        ids = {call["tool_call_id"] for call in step.get("tool_calls", ())}
        exit_code = {} if body.exit_code is None else {"exit_code": body.exit_code}
        changed_paths = {"changed": sorted(body.changes)} if body.changes else {}
        result = {
            **({"source_call_id": body.id} if body.id in ids else {}),
            "content": body.text,
            "extra": {"tool": body.name, "failed": body.failed, **exit_code, **changed_paths},
        }
        step.setdefault("observation", {"results": []})["results"].append(result)


def _call(call: ToolCall) -> _Json:
    try:
        arguments, extra = call.parsed(), {}
    except ValueError:
        arguments, extra = {}, {"extra": {"arguments": call.arguments}}
    return {"tool_call_id": call.id, "function_name": call.name, "arguments": arguments, **extra}


def _verdict(outcome: Outcome) -> _Json:
    content = outcome.feedback or outcome.gist or ("passed" if outcome.passed else "failed")
    extra = {"passed": outcome.passed, "verified": outcome.verified, "strength": outcome.strength}
    return {"observation": {"results": [{"content": content}]}, "extra": extra}


def _definition(tool: ToolSpec) -> _Json:
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}
