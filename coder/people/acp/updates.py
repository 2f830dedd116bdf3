"""Forms in which a client shows a conversation: tool calls, diffs, plans, and options of a question. Pure."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acp.helpers import (
    plan_entry,
    start_tool_call,
    text_block,
    tool_content,
    tool_diff_content,
    update_plan,
    update_tool_call,
)
from acp.schema import (
    AgentPlanUpdate,
    FileEditToolCallContent,
    PermissionOption,
    PlanEntryStatus,
    ToolCallProgress,
    ToolCallStart,
    ToolKind,
)

from coder.base.text.sanitize import one_line, printable
from coder.run.event_types import ToolAnswered, ToolCalled
from coder.run.plan import Plan
from coder.run.questions import Decision, Question
from coder.show.render import is_refused, tool_call

_KINDS: dict[str, ToolKind] = {"bash": "execute", "python": "execute", "edit": "edit", "web_fetch": "fetch"}
_STATUSES: dict[str, PlanEntryStatus] = {"todo": "pending", "doing": "in_progress", "done": "completed"}
_OPTION_KINDS = {"always": "allow_always", "no": "reject_once"}

HOST_OPTIONS = [
    PermissionOption(option_id="t", name="Allow in this session", kind="allow_once"),
    PermissionOption(option_id="p", name="Allow in this project", kind="allow_always"),
    PermissionOption(option_id="no", name="Refuse", kind="reject_once"),
]
"""Answers to a question about a host; their ids are the answers that `HostQuestions` accepts."""


def started_call(body: ToolCalled) -> ToolCallStart:
    """Return the update that shows a call."""
    kind = _KINDS.get(body.name, "other")
    title = one_line(tool_call(body).strip(), width=200)
    return start_tool_call(call_id(body), title, kind=kind, status="in_progress")


def unstarted_call(body: ToolAnswered) -> ToolCallStart:
    """Return the update that shows a refused call, or edits of an answer's text, before their result."""
    if is_refused(body):
        return start_tool_call(
            call_id(body), body.name, kind=_KINDS.get(body.name, "other"), status="pending"
        )
    return start_tool_call(call_id(body), "Edit files", kind="edit", status="in_progress")


def ended_call(body: ToolAnswered, diffs: list[FileEditToolCallContent]) -> ToolCallProgress:
    """Return the update that shows the result of a call."""
    text = tool_content(text_block(printable(body.text)))
    return update_tool_call(
        call_id(body), status="failed" if body.failed else "completed", content=[text, *diffs]
    )


def call_id(body: ToolCalled | ToolAnswered) -> str:
    """Return an id that is unique in the run, as models may repeat the ids of their calls."""
    return f"{body.call}-{body.id}"


def plan_update(plan: Plan) -> AgentPlanUpdate:
    """Return the update that replaces the plan."""
    return update_plan(plan_entry(printable(step.text), status=_STATUSES[step.status]) for step in plan.steps)


def diffs_of(
    root: Path, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> list[FileEditToolCallContent]:
    """Return the diffs of changed files, by paths below a folder; a deleted file becomes empty."""
    return [
        tool_diff_content(str(root / path), text or "", before.get(path))
        for path, text in after.items()
        if text != before.get(path)
    ]


def options_of(question: Question) -> list[PermissionOption]:
    """Return the possible answers to a question."""
    if question.kind == "approve":
        names = dict.fromkeys(("yes", *question.options, "no"))
        return [_option(name, _OPTION_KINDS.get(name, "allow_once")) for name in names]
    return [_option(name, "allow_once") for name in question.options]


def decision_of(question: Question, option_id: str | None) -> Decision:
    """Return the decision for a chosen option; no choice means no."""
    if question.kind == "approve":
        valid = option_id in ("yes", "no", *question.options)
        return Decision(decision=option_id if valid and option_id is not None else "no")
    return question.worded(option_id if option_id in question.options else "")


def _option(name: str, kind: Any) -> PermissionOption:  # noqa: ANN401 - a literal of the schema
    return PermissionOption(option_id=name, name=one_line(name, width=200), kind=kind)
