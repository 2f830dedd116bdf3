"""The steps of a run: each tool call with what it gave and changed, numbered from 1 as `coder show` does."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from coder.models.model import ToolCall
from coder.run.event_types import CallAnswered, ToolAnswered, ToolCalled, parse
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.workspace.diff import unified_diff
from coder.workspace.proposal import is_switched


def numbered(events: Iterable[Event]) -> dict[int, int]:
    """The number of each step by that of the event that answers the call."""
    answered = (event.seq for event in events if event.type == ToolAnswered.type)
    return {seq: number for number, seq in enumerate(answered, 1)}


def call_of(events: Iterable[Event], seq: int) -> ToolCalled | ToolCall | None:
    """What the model has called, carried out or not, by the event that answers it."""
    called: ToolCalled | None = None
    waiting: tuple[ToolCall, ...] = ()
    for body in (parse(event) for event in events if event.seq < seq):
        match body:
            case CallAnswered(tool_calls=calls) if calls:
                waiting = calls
            case ToolCalled():
                called = body
            case ToolAnswered(id=id):  # in order: an id that was used before is made anew
                called, waiting = None, waiting[1:] if id else waiting
    return called or next(iter(waiting), None)


def diff_of(events: Sequence[Event], seq: int) -> str:
    """What a step has changed, as a patch; it is named by the event that answers its call."""
    body = next((parse(event) for event in events if event.seq == seq), None)
    if not isinstance(body, ToolAnswered) or not body.changes:
        return ""
    state, last = fold_all(event for event in events if event.seq < seq), fold_all(events)
    return _diff({path: _known(path, state, last) for path in body.changes}, body.changes)


def _known(path: str, state: State, last: State) -> StoredFile | None:
    """A file before a step; where the log only lists it, its content from the landing or the folder."""
    file = state.tree.get(path, state.files.get(path))
    if path in state.tree or file is None or not file.is_listed:
        return file
    if last.landing is not None and path in last.landing.before:
        return last.landing.before[path]
    try:
        there = (Path(state.root or "") / path).read_bytes()
    except OSError:
        return file
    read = StoredFile.of(there, mode=file.mode)
    return read if read.digest == file.digest else file


def _diff(before: Mapping[str, StoredFile | None], after: Mapping[str, StoredFile | None]) -> str:
    """A patch, and the names of changed files that are known no more as they were."""
    lost = sorted(path for path, file in before.items() if file is not None and file.is_listed)
    kept = [path for path in after if path not in lost]
    old, new = ({path: _bytes(files[path]) for path in kept} for files in (before, after))
    runs = {path for path in kept if (one := after[path] or before[path]) and one.is_executable}
    switched = {path for path in kept if is_switched(before[path], after[path])}
    return unified_diff(old, new, executable=runs, switched=switched) + "".join(
        f"{path}: changed; how it was before is not known\n" for path in lost
    )


def _bytes(file: StoredFile | None) -> bytes | None:
    return None if file is None else file.content
