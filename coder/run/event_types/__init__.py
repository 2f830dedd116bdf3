"""The events of a run, one class per type; `parse` gives None for a type that this version doesn't know.

Read run_events, turn_events.
"""

from collections.abc import Mapping

from coder.run.event_types.run_events import (
    BudgetReached,
    CommitMade,
    CommitRefused,
    FileLanded,
    FilesChanged,
    FileUndone,
    LandingPlanned,
    LandingRefused,
    LandingUndone,
    Limit,
    PatchProposed,
    QuestionAnswered,
    QuestionAsked,
    RunOrigin,
    RunResumed,
    RunStarted,
    RunStopped,
    Status,
    StepStarted,
    StopRequested,
)
from coder.run.event_types.turn_events import (
    LONG_TESTS_S,
    BaselineTaken,
    BaselineTest,
    CallAnswered,
    CallFailed,
    CallIntended,
    CallRetried,
    CallSwitched,
    CodeAnswered,
    CodeCalled,
    ContextFolded,
    DialogueTaken,
    ProgramFinished,
    ProgramStarted,
    Spoken,
    ToolAnswered,
    ToolCalled,
)
from coder.run.events import Body, Event

TYPES: Mapping[str, type[Body]] = {body.type: body for body in Body.__subclasses__()}


def is_newer(event: Event) -> bool:
    """Whether a newer version of the product wrote this event of a type that we know: it may mean more."""
    known = TYPES.get(event.type)
    return known is not None and event.version > known.version


def parse(event: Event) -> Body | None:
    """The typed body of an event; None where this version doesn't know the type, or its version is newer."""
    known = TYPES.get(event.type)
    if known is None or is_newer(event):
        return None
    return known.model_validate(event.body)
