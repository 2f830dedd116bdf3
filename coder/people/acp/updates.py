"""Forms in which a client shows a conversation: tool calls, diffs, plans, and options of a question. Pure."""

from collections.abc import Mapping
from itertools import takewhile
from os.path import normpath
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
    Cost,
    FileEditToolCallContent,
    PermissionOption,
    PlanEntryStatus,
    SessionInfoUpdate,
    ToolCallLocation,
    ToolCallProgress,
    ToolCallStart,
    ToolKind,
    UsageUpdate,
)

from coder.base.text.sanitize import one_line, printable, visible
from coder.base.usage import Usage
from coder.people.acp.session_list import shown_time, title_of
from coder.run.event_types import ToolAnswered, ToolCalled
from coder.run.plan import Plan
from coder.run.questions import Decision, Question
from coder.run.records.spend import Spend
from coder.show.render import edited_paths, is_refused, tool_call

_KINDS: dict[str, ToolKind] = {"bash": "execute", "python": "execute", "edit": "edit", "web_fetch": "fetch"}
_STATUSES: dict[str, PlanEntryStatus] = {"todo": "pending", "doing": "in_progress", "done": "completed"}
_OPTION_KINDS = {"always": "allow_always", "no": "reject_once"}

HOST_OPTIONS = [
    PermissionOption(option_id="t", name="Allow in this session", kind="allow_once"),
    PermissionOption(option_id="p", name="Allow in this project", kind="allow_always"),
    PermissionOption(option_id="no", name="Refuse", kind="reject_once"),
]
"""Answers to a question about a host; their ids are the answers that `HostQuestions` accepts."""


def started_call(root: Path, body: ToolCalled) -> ToolCallStart:
    """Return the update that shows a call about files below a folder."""
    kind = _KINDS.get(body.name, "other")
    title = one_line(tool_call(body).strip(), width=200)
    paths = [Path(normpath(root / path)) for path in edited_paths(body)]
    locations = [ToolCallLocation(path=str(path)) for path in paths if path.is_relative_to(root)]
    return start_tool_call(call_id(body), title, kind=kind, status="in_progress", locations=locations or None)


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
        call_id(body),
        status="failed" if body.failed else "completed",
        content=[text, *diffs],
        locations=[_location(diff) for diff in diffs] or None,
    )


def _location(diff: FileEditToolCallContent) -> ToolCallLocation:
    """Return the first changed line, from 1."""
    old, new = (diff.old_text or "").splitlines(), diff.new_text.splitlines()
    same = takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False))
    return ToolCallLocation(path=diff.path, line=1 + sum(1 for _ in same))


def call_id(body: ToolCalled | ToolAnswered) -> str:
    """Return an id that is unique in the run, as models may repeat the ids of their calls."""
    return f"{body.call}-{body.id}"


def plan_update(plan: Plan) -> AgentPlanUpdate:
    """Return the update that replaces the plan."""
    return update_plan(plan_entry(printable(step.text), status=_STATUSES[step.status]) for step in plan.steps)


def session_info(prompt: str, begun: float) -> SessionInfoUpdate:
    """Return the update that names a session by its first message, as the list of sessions does."""
    return SessionInfoUpdate(
        session_update="session_info_update", title=title_of(prompt) or None, updated_at=shown_time(begun)
    )


def usage_update(spend: Spend, latest: Usage, context: int) -> UsageUpdate:
    """Return the update for the tokens of the latest answer, and the cost of the run if it is known."""
    cost = Cost(amount=float(spend.cost_usd), currency="USD") if spend.cost_known else None
    used = latest.input_tokens + latest.output_tokens
    return UsageUpdate(session_update="usage_update", used=used, size=context, cost=cost)


def diffs_of(
    root: Path, before: Mapping[str, str | None], after: Mapping[str, str | None]
) -> list[FileEditToolCallContent]:
    """Return the diffs of changed files, by paths below a folder; a deleted file becomes empty."""
    return [
        tool_diff_content(str(root / path), text or "", before.get(path))
        for path, text in after.items()
        if text != before.get(path)
    ]


def started_question(call: str, question: Question, diffs: list[FileEditToolCallContent]) -> ToolCallStart:
    """Return the update that shows a question to approve or to choose from."""
    text = printable(question.text.strip())
    # The patch has what diffs of texts lack: modes, binary files, and characters that can't be seen.
    parts = [text, printable(question.note), visible(question.patch)]
    words = "\n\n".join(part for part in parts if part)
    return start_tool_call(
        call,
        one_line(text, width=200),
        kind="edit" if question.patch else "other",
        status="pending",
        content=[*([tool_content(text_block(words))] if words else []), *diffs],
    )


def ended_question(call: str, decision: Decision) -> ToolCallProgress:
    """Return the update that shows how a question was answered."""
    return update_tool_call(call, status="failed" if decision.decision == "no" else "completed")


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
