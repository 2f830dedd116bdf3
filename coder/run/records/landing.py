"""Landing: files that are written into the user's folder, undone or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from coder.run import event_types
from coder.run.message import HUMAN, CodeMessage, OutcomeMessage, outcome_in, outcomes_in
from coder.run.records.record import Handlers, keep, replace

if TYPE_CHECKING:
    from coder.run.records.before import Before


@dataclass(frozen=True, slots=True)
class Landing:
    """State of writing a change into the user's folder."""

    proposed: event_types.PatchProposed | None = None
    planned: event_types.LandingPlanned | None = None
    written: tuple[str, ...] = ()
    """Written paths, in order."""
    undone: tuple[str, ...] = ()
    """Paths whose earlier content was restored."""
    committed: event_types.CommitMade | event_types.CommitRefused | None = None
    refused: event_types.LandingRefused | None = None
    declined: bool = False
    """Whether a person declined a change for this task, after which no flag may approve one."""
    agreed: str = ""
    """Patch that a person agreed to write, also if the folder changes before that; empty if none."""
    offered: bool = False
    """Whether the user requested an earlier change and hasn't decided on it yet."""
    taken_over: tuple[tuple[str, ...], ...] = ()
    """Paths of the folder's changes, for each time they were taken over since a model's latest answer."""
    broken_by: tuple[str, ...] = ()
    """Paths that have changed in the folder since a change passed; empty once a change passes again."""
    taken_back: bool = False
    """Whether the user has undone what was written for this task."""

    @property
    def patch(self) -> str:
        """The patch that was written or proposed; empty if there is none."""
        proposal = self.planned or self.proposed
        return proposal.patch if proposal is not None else ""

    @property
    def standing(self) -> tuple[str, ...]:
        """The paths that the run has written and `coder undo` hasn't restored."""
        return () if self.taken_back else tuple(path for path in self.written if path not in self.undone)

    @property
    def planned_paths(self) -> frozenset[str]:
        """The paths that were or will be written."""
        changes = self.planned.plan.changes if self.planned is not None else ()
        return frozenset(change.path for change in changes)


def _hear(landing: Landing, body: event_types.Spoken, state: Before) -> Landing:
    """Drop the proposal if the user wants another change; note that one passes in the folder as it is."""
    outcome = outcome_in(body.message)
    if outcome is not None and outcome.passed and landing.broken_by:
        landing = replace(landing, broken_by=())
    is_wish = body.message.author == HUMAN and isinstance(body.message, OutcomeMessage | CodeMessage)
    return replace(landing, proposed=None, offered=False) if is_wish else landing


def _plan(landing: Landing, body: event_types.LandingPlanned, state: Before) -> Landing:
    return replace(landing, planned=body, written=(), undone=(), refused=None, taken_back=False)


def _write(landing: Landing, body: event_types.FileLanded, state: Before) -> Landing:
    return replace(landing, written=(*landing.written, body.path))


def _undo_file(landing: Landing, body: event_types.FileUndone, state: Before) -> Landing:
    if body.left:
        return landing
    if state.progress.stopped is None:  # a running run undoes a landing that could not be finished
        written = tuple(path for path in landing.written if path != body.path)
        landing = replace(landing, written=written)
    return replace(landing, undone=(*landing.undone, body.path))


def _take_back(landing: Landing, body: event_types.LandingUndone, state: Before) -> Landing:
    return replace(landing, taken_back=True) if body.step > len(state.steps) else landing


def _refuse(landing: Landing, body: event_types.LandingRefused, state: Before) -> Landing:
    return replace(landing, refused=body, declined=landing.declined or body.by_human)


def _hear_answer(landing: Landing, body: event_types.QuestionAnswered, state: Before) -> Landing:
    question = state.questions.open
    if question is None or question.about != "landing":
        return landing
    return replace(landing, declined=landing.declined or not body.agrees, agreed=question.patch * body.agrees)


def _begin_anew(landing: Landing, body: event_types.FilesChanged, state: Before) -> Landing:
    paths = body.paths
    has_passed = any(outcome.passed for outcome in outcomes_in(state.progress.messages))
    broken_by = {*landing.broken_by, *paths} if has_passed or landing.broken_by else ()
    return replace(
        landing,
        proposed=None,
        planned=None,
        written=(),
        taken_over=(*landing.taken_over, paths),
        broken_by=tuple(sorted(broken_by)),
    )


def _end_takeovers(landing: Landing, body: event_types.CallAnswered, state: Before) -> Landing:
    return replace(landing, taken_over=()) if landing.taken_over else landing


def _resume(landing: Landing, body: event_types.RunResumed, state: Before) -> Landing:
    committed = landing.committed if isinstance(landing.committed, event_types.CommitMade) else None
    offered = body.offers or (landing.offered and landing.refused is None)
    return replace(landing, refused=None, committed=committed, offered=offered, taken_over=())


HANDLERS: Handlers = {
    event_types.PatchProposed: keep("proposed"),
    event_types.Spoken: _hear,
    event_types.LandingPlanned: _plan,
    event_types.FileLanded: _write,
    event_types.FileUndone: _undo_file,
    event_types.LandingUndone: _take_back,
    event_types.CommitMade: keep("committed"),
    event_types.CommitRefused: keep("committed"),
    event_types.LandingRefused: _refuse,
    event_types.QuestionAnswered: _hear_answer,
    event_types.FilesChanged: _begin_anew,
    event_types.CallAnswered: _end_takeovers,
    event_types.RunResumed: _resume,
}
