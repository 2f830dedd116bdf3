"""Session: what the calls of tools have changed, and those that are under way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from coder.run import event_types
from coder.run.message import LeftOut
from coder.run.records.record import Handlers, replace
from coder.run.stored_file import StoredFile

_TIMES = re.compile(r"\b\d+(?:\.\d+)? ?m?s\b")
"""Durations in the output of commands and test runners."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The session in which a dialogue's tools act."""

    tree: Mapping[str, StoredFile | None] = field(default_factory=dict)
    """Files that it has changed, by path, as they are now; None is one that was removed."""
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    """What it has changed and can't be taken over, by path, with the reason."""
    open_tool: event_types.ToolCalled | None = None
    """The tool call without an answer: it is under way, or was cut off."""
    effects: tuple[event_types.CodeCalled, ...] = ()
    """Calls with effects that programs have made in this turn."""
    open_effect: event_types.CodeCalled | None = None
    """The last one, where it has no answer."""
    results: Mapping[tuple[object, ...], tuple[int, ...]] = field(default_factory=dict)
    """Calls with their results, times left out, since the tree changed; and for each, the requests that
    asked for it since a result was new."""
    has_background: bool = False
    """A call has left programs running, which may change what the next one gives."""
    original: SessionRecord | None = None
    """The session that this is a copy of: nothing that is changed in the copy gets into a tree."""


def _take(session: SessionRecord, body: event_types.DialogueTaken, state: object) -> SessionRecord:
    """Copy the session for a dialogue that works on a copy; any other one gets the session itself."""
    own = session.original or session
    return SessionRecord(tree=own.tree, left_out=own.left_out, original=own) if body.on_copy else own


def _begin_tool(session: SessionRecord, body: event_types.ToolCalled, state: object) -> SessionRecord:
    return replace(session, open_tool=body)


def _end_tool(session: SessionRecord, body: event_types.ToolAnswered, state: object) -> SessionRecord:
    return replace(
        session,
        open_tool=None,
        open_effect=None,
        results=_results(session, body),
        has_background=session.has_background or body.running,
        tree=session.tree if session.original is not None else {**session.tree, **body.changes},
        left_out=dict(map(_left_out, body.left_out)) if body.id else session.left_out,
    )


def _begin_effect(session: SessionRecord, body: event_types.CodeCalled, state: object) -> SessionRecord:
    return replace(session, effects=(*session.effects, body), open_effect=body)


def _end_effect(session: SessionRecord, body: event_types.CodeAnswered, state: object) -> SessionRecord:
    return replace(session, open_effect=None)


def _end_turn(session: SessionRecord, body: event_types.Spoken, state: object) -> SessionRecord:
    return replace(session, effects=())


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
    same = (call.name, call.arguments, body.exit_code, _TIMES.sub("", body.text))
    if same not in results:
        return {**dict.fromkeys(results, ()), same: (body.call,)}
    return {**results, same: tuple(dict.fromkeys((*results[same], body.call)))}


def _adopt(session: SessionRecord, body: event_types.AttemptChosen, state: object) -> SessionRecord:
    return replace(session, left_out=body.left_out)


HANDLERS: Handlers = {
    event_types.AttemptChosen: _adopt,
    event_types.DialogueTaken: _take,
    event_types.ToolCalled: _begin_tool,
    event_types.ToolAnswered: _end_tool,
    event_types.CodeCalled: _begin_effect,
    event_types.CodeAnswered: _end_effect,
    event_types.Spoken: _end_turn,
    event_types.RunResumed: _resume,
}
