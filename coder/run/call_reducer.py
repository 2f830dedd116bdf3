"""Fold what happens to model calls and tool calls into a run's state. Pure."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from coder.models.model import ChatMessage, Used
from coder.run import event_types
from coder.run.message import LeftOut
from coder.run.state import State, replace

_TIMES = re.compile(r"\b\d+(?:\.\d+)? ?m?s\b")
"""Durations in the output of commands and test runners."""


def after_call(state: State, body: event_types.Body) -> State | None:
    """The state after one more event of a call; None of any other event."""
    match body:
        case event_types.CallIntended():
            return _intended(state, body)
        case event_types.CallAnswered():
            return _answered(state, body)
        case event_types.CallRetried(lost=lost) | event_types.CallSwitched(lost=lost):
            return _spent(state, lost)
        case event_types.CallFailed(lost=lost):
            talk = _unseen(state.dialogue) if body.error == "ModelRefused" else state.dialogue
            left = _without(state.open_calls, body.call)
            return replace(_spent(state, lost), open_calls=left, dialogue=talk)
        case event_types.ContextFolded():
            return replace(state, dialogue=body.messages, speaks_text=state.speaks_text or body.in_text)
        case event_types.ToolCalled():
            return replace(state, open_tool=body, tools_called=state.tools_called + 1)
        case event_types.ToolAnswered():
            return _tool_answered(state, body)
        case event_types.CodeCalled():
            return replace(state, effects=(*state.effects, body), open_effect=body)
        case event_types.CodeAnswered():
            return replace(state, open_effect=None)
        case _:
            return None


def _intended(state: State, body: event_types.CallIntended) -> State:
    calls = replace(state, calls=state.calls + 1, open_calls={**state.open_calls, body.call: body})
    if not body.in_dialogue:
        return calls
    talk = (*state.dialogue[: body.kept], *body.messages)
    return replace(calls, dialogue=talk, known=None, is_untold=False, speaks_text=body.form is None)


def _unseen(dialogue: tuple[ChatMessage, ...]) -> tuple[ChatMessage, ...]:
    """A refused dialogue without its last pictures, which may be the reason."""
    at = max((i for i, message in enumerate(dialogue) if message.images), default=None)
    if at is None:
        return dialogue
    return (*dialogue[:at], dialogue[at].model_copy(update={"images": ()}), *dialogue[at + 1 :])


def _tool_answered(state: State, body: event_types.ToolAnswered) -> State:
    said = ChatMessage(role="tool", content=body.text, images=body.images, tool_call_id=body.id)
    return replace(
        state,
        open_tool=None,
        open_effect=None,
        failed_tool=state.failed_tool or (body.name if body.failed else ""),
        owes_baseline=state.owes_baseline and not body.id,
        results=_results(state, body),
        plan=_plan(state, body),
        has_background=state.has_background or body.running,
        tree={**state.tree, **body.changes},
        left_out=dict(map(_reason, body.left_out)) if body.id else state.left_out,
        dialogue=(*state.dialogue, said) if body.id else state.dialogue,
    )


def _reason(line: str) -> tuple[str, LeftOut]:
    path, _, reason = line.rpartition(": ")
    return path, cast(LeftOut, reason)


def _plan(state: State, body: event_types.ToolAnswered) -> str:
    if state.open_tool is None or body.name != "plan":
        return state.plan
    from coder.run.plan import plan_of

    return state.open_tool.arguments if plan_of(state.open_tool.arguments) else state.plan


def _results(state: State, body: event_types.ToolAnswered) -> Mapping[tuple[object, ...], tuple[int, ...]]:
    called, known = state.open_tool, state.results
    if body.changes:
        return {}
    if called is None:
        return known
    same = (called.name, called.arguments, body.exit_code, _TIMES.sub("", body.text))
    if same not in known:
        return {**dict.fromkeys(known, ()), same: (body.call,)}
    return {**known, same: tuple(dict.fromkeys((*known[same], body.call)))}


def _answered(state: State, body: event_types.CallAnswered) -> State:
    intent = state.open_calls.get(body.call)
    if intent is not None and intent.in_dialogue:
        said = ChatMessage(
            role="assistant", content=body.text, tool_calls=body.tool_calls, opaque=body.opaque
        )
        state = replace(state, dialogue=(*state.dialogue, said), failed_tool="")
    return replace(
        _spent(state, body),
        open_calls=_without(state.open_calls, body.call),
        pending=(*state.pending, body) if intent is None or not intent.ahead else state.pending,
        ahead=(*state.ahead, body) if intent is not None and intent.ahead else state.ahead,
        callers=state.callers | {body.model} if body.tool_calls else state.callers,
        empty_answers=0 if body.text.strip() or body.tool_calls else state.empty_answers + 1,
    )


def _spent(state: State, used: event_types.CallAnswered | Used | None) -> State:
    """The state after an answer was paid for, complete or not."""
    if used is None:
        return state
    return replace(
        state,
        usage=state.usage + used.usage,
        cost_usd=state.cost_usd + (used.cost_usd or Decimal(0)),
        cost_known=state.cost_known and used.cost_usd is not None,
    )


def _without(
    calls: Mapping[int, event_types.CallIntended], number: int
) -> dict[int, event_types.CallIntended]:
    return {call: intent for call, intent in calls.items() if call != number}
