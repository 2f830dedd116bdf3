"""Session: changes by calls of tools, and calls in progress."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from coder.run import event_types
from coder.run.records.record import Handlers, keep, replace
from coder.run.stored_file import LeftOut, StoredFile

_DURATION = re.compile(r"\b\d+(?:\.\d+)? ?m?s\b")
"""Durations in the output of commands and test runners."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The session in which a dialogue's tools work."""

    tree: Mapping[str, StoredFile | None] = field(default_factory=dict)
    """Changed files by path, with their present contents; None is a removed file."""
    tree_at_answer: Mapping[str, StoredFile | None] | None = None
    """The tree to which the edits in the latest answer's text refer, if some of them are in `tree`."""
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    """Changed files that can't be taken over, by path, with the reason."""
    open_tool: event_types.ToolCalled | None = None
    """The tool call without an answer, in progress or interrupted."""
    effects: tuple[event_types.CodeCalled, ...] = ()
    """Calls with effects by the model's programs in this turn."""
    open_effect: event_types.CodeCalled | None = None
    """The last of these calls, if it has no answer."""
    results: Mapping[tuple[object, ...], tuple[int, ...]] = field(default_factory=dict)
    """Calls with results (without durations) since the tree changed; for each, the requests that made it
    since the last new result."""
    has_background: bool = False
    """Whether a call left programs running, which may change the next results."""
    delegations: Mapping[str, event_types.AttemptStarted | event_types.AttemptEnded] = field(
        default_factory=dict
    )
    """Runs of subagents whose results the model hasn't read yet, by the id of its call, each with its latest
    event."""
    original: SessionRecord | None = None
    """The session of which this is a copy; changes in the copy are discarded."""


def _take(session: SessionRecord, body: event_types.DialogueTaken, state: object) -> SessionRecord:
    """Copy the session for a dialogue on a copy, or return the original session for any other dialogue."""
    base = session.original or session
    return SessionRecord(tree=base.tree, left_out=base.left_out, original=base) if body.on_copy else base


def _update_delegation(
    session: SessionRecord, body: event_types.AttemptStarted | event_types.AttemptEnded, state: object
) -> SessionRecord:
    if body.delegation is None:
        return session
    return replace(session, delegations={**session.delegations, body.delegation.call: body})


def _end_tool(session: SessionRecord, body: event_types.ToolAnswered, state: object) -> SessionRecord:
    return replace(
        session,
        open_tool=None,
        open_effect=None,
        delegations={call: run for call, run in session.delegations.items() if call != body.id},
        results=_results(session, body),
        has_background=session.has_background or body.running,
        tree=session.tree if session.original is not None else {**session.tree, **body.changes},
        tree_at_answer=None if body.id else _tree_at_answer(session),
        left_out=dict(map(_left_out, body.left_out)) if body.id else session.left_out,
    )


def _tree_at_answer(session: SessionRecord) -> Mapping[str, StoredFile | None]:
    return session.tree if session.tree_at_answer is None else session.tree_at_answer


def _begin_answer(session: SessionRecord, body: event_types.CallAnswered, state: object) -> SessionRecord:
    return replace(session, tree_at_answer=None)


def _begin_effect(session: SessionRecord, body: event_types.CodeCalled, state: object) -> SessionRecord:
    return replace(session, effects=(*session.effects, body), open_effect=body)


def _end_effect(session: SessionRecord, body: event_types.CodeAnswered, state: object) -> SessionRecord:
    return replace(session, open_effect=None)


def _end_turn(session: SessionRecord, body: event_types.Spoken, state: object) -> SessionRecord:
    return replace(session, effects=(), tree_at_answer=None)


def _resume(session: SessionRecord, body: event_types.RunResumed, state: object) -> SessionRecord:
    return replace(session, results={}, has_background=False)


def _left_out(line: str) -> tuple[str, LeftOut]:
    path, _, reason = line.rpartition(": ")
    return path, cast(LeftOut, reason)


def _results(
    session: SessionRecord, body: event_types.ToolAnswered
) -> Mapping[tuple[object, ...], tuple[int, ...]]:
    call, results = session.open_tool, session.results
    if body.changes:
        return {}
    if call is None:
        return results
    result_key = (call.name, call.arguments, body.exit_code, _DURATION.sub("", body.text))
    if result_key not in results:
        return {**dict.fromkeys(results, ()), result_key: (body.call,)}
    return {**results, result_key: tuple(dict.fromkeys((*results[result_key], body.call)))}


def _adopt(session: SessionRecord, body: event_types.AttemptChosen, state: object) -> SessionRecord:
    return replace(session, left_out=body.left_out)


HANDLERS: Handlers = {
    event_types.AttemptChosen: _adopt,
    event_types.CallAnswered: _begin_answer,
    event_types.DialogueTaken: _take,
    event_types.AttemptStarted: _update_delegation,
    event_types.AttemptEnded: _update_delegation,
    event_types.ToolCalled: keep("open_tool"),
    event_types.ToolAnswered: _end_tool,
    event_types.CodeCalled: _begin_effect,
    event_types.CodeAnswered: _end_effect,
    event_types.Spoken: _end_turn,
    event_types.RunResumed: _resume,
}
