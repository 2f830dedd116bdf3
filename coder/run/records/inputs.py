"""Inputs: the user's files as a run read them, and the target of its task in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coder.run import event_types
from coder.run.find_target import find_target, with_ownership
from coder.run.ownership import Openers
from coder.run.records.record import Handlers, replace
from coder.run.stored_file import StoredFile, listed
from coder.run.target import Target
from coder.run.task import Task
from coder.run.use_tests import without_first_found

if TYPE_CHECKING:
    from coder.run.records.before import Before


@dataclass(frozen=True, slots=True)
class Inputs:
    """The files and the target that a run works on."""

    files: Mapping[str, StoredFile] = field(default_factory=dict)
    """The user's files as the run read them."""
    notes_above: Mapping[str, str] = field(default_factory=dict)
    """Notes for agents in folders above the root, by path from the root."""
    root: str | None = None
    """The folder to which the paths are relative."""
    target: Target | None = None
    """The file and names that the task is about; None before a run has begun."""
    context: str = ""
    """Text that the user's hooks add to the task."""
    resume_context: str = ""
    """The part of `context` that was added at a resume and that no dialogue contains yet."""
    remarks: tuple[str, ...] = ()
    """A person's messages while the run worked on this task."""
    read_messages: tuple[str, ...] = ()
    """Ids of the messages that were taken last (`Journal.take_messages`)."""


def begin(body: event_types.RunStarted) -> Inputs:
    """Return the inputs of a run at its first event."""
    files = body.files or listed(body.listing)
    target = _target(body.target, body.task, files)
    return Inputs(
        files=files, notes_above=body.notes_above, root=body.root, target=target, context=body.context
    )


def at_next_step(inputs: Inputs, body: event_types.StepStarted) -> Inputs:
    """Return the inputs with the target of a further task, whose tests haven't been run yet."""
    target = _target(body.target, body.task, inputs.files)
    return replace(inputs, target=target, context=body.context, resume_context="", remarks=())


def hold(inputs: Inputs, files: Mapping[str, StoredFile], state: Before) -> Inputs:
    """Return the inputs with the contents of these files, which the log may only list."""
    target = _target(inputs.target, state.task, files, opened=_opened(state.progress.baseline))
    return replace(inputs, files=files, target=target)


def _target(
    recorded: Target | None, task: Task, files: Mapping[str, StoredFile], *, opened: Openers | None = None
) -> Target:
    """Return the recorded target with the ownership of these files; an old log's target is found now."""
    if recorded is None:
        return find_target(task, files, opened=opened)
    return with_ownership(recorded, task, files, opened=opened)


def _opened(baseline: event_types.BaselineTaken | None) -> Openers | None:
    return baseline.opened if baseline is not None else None


def _add_openers(inputs: Inputs, body: event_types.BaselineTaken, state: Before) -> Inputs:
    return replace(inputs, target=_target(inputs.target, state.task, inputs.files, opened=body.opened))


def _change(inputs: Inputs, body: event_types.FilesChanged, state: Before) -> Inputs:
    files = {**inputs.files, **listed(body.listing), **body.files}
    files = {path: file for path, file in files.items() if path not in body.gone}
    target = _target(body.target, state.task, files, opened=_opened(state.progress.baseline))
    return replace(inputs, files=files, target=target)


def _add_context(inputs: Inputs, body: event_types.RunResumed, state: Before) -> Inputs:
    if not body.context:
        return inputs
    is_repeated = body.context in inputs.context
    context = inputs.context if is_repeated else "\n".join(filter(None, [inputs.context, body.context]))
    return replace(inputs, context=context, resume_context=body.context)


def _tell_context(inputs: Inputs, body: event_types.CallIntended, state: Before) -> Inputs:
    return replace(inputs, resume_context="") if body.in_dialogue and inputs.resume_context else inputs


def _add_messages(inputs: Inputs, body: event_types.MessagesTaken, state: Before) -> Inputs:
    return replace(inputs, remarks=(*inputs.remarks, body.text), read_messages=body.ids)


def _drop_tests(inputs: Inputs, body: event_types.TestsDropped, state: Before) -> Inputs:
    task = without_first_found(state.task, body.reason)
    return replace(inputs, target=_target(body.target, task, inputs.files))


HANDLERS: Handlers = {
    event_types.MessagesTaken: _add_messages,
    event_types.RunResumed: _add_context,
    event_types.CallIntended: _tell_context,
    event_types.BaselineTaken: _add_openers,
    event_types.FilesChanged: _change,
    event_types.TestsDropped: _drop_tests,
}
