"""Questions: a run's questions to a person, the answers and the permissions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from coder.run import event_types
from coder.run.records.progress import Progress
from coder.run.records.record import Handlers, keep, replace


@dataclass(frozen=True, slots=True)
class Questions:
    """The questions of a run to a person."""

    open: event_types.QuestionAsked | None = None
    """The question without an answer, if any."""
    answers: Mapping[str, event_types.QuestionAnswered] = field(default_factory=dict)
    """Answers by the question's id."""
    granted: frozenset[tuple[str, str]] = frozenset()
    """Tools and hosts that a person has allowed for the rest of the run, as (about, subject)."""


class _Before(Protocol):
    """The state before an event, with the parts that handlers read."""

    @property
    def progress(self) -> Progress: ...


def _answer(questions: Questions, body: event_types.QuestionAnswered, state: _Before) -> Questions:
    question, granted = questions.open, questions.granted
    is_lasting = question is not None and (body.decision == "always" or question.about == "network")
    if question is not None and question.subject and body.agrees and is_lasting:
        granted = granted | {(question.about, question.subject)}
    return replace(questions, open=None, granted=granted, answers={**questions.answers, body.id: body})


def _close(questions: Questions, body: event_types.Body, state: _Before) -> Questions:
    return replace(questions, open=None)


def _resume(questions: Questions, body: event_types.RunResumed, state: _Before) -> Questions:
    """Keep the answers if the run was cut off or waiting; a resume after any other end may ask again."""
    stopped = state.progress.stopped
    is_cut_off = stopped is None or stopped.status in ("waiting", "interrupted", "error", "limit")
    return questions if is_cut_off else replace(questions, answers={})


HANDLERS: Handlers = {
    event_types.QuestionAsked: keep("open"),
    event_types.QuestionAnswered: _answer,
    event_types.Spoken: _close,
    event_types.StopRequested: _close,
    event_types.LandingPlanned: _close,
    event_types.RunResumed: _resume,
}
