"""What a step has changed in the files of a run, as a patch."""

from collections.abc import Mapping
from pathlib import Path

from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.workspace.diff import unified_diff
from coder.workspace.proposal import is_switched

Files = Mapping[str, StoredFile | None]
"""By path; None is one that isn't there."""


def diff_of(state: State, changes: Files, landed: Files) -> str:
    """The patch of changes to the files of a state.

    Args:
        landed: of files that the log only lists, the contents that were replaced in the end.
    """
    return _diff({path: _known(path, state, landed) for path in changes}, changes)


def _known(path: str, state: State, landed: Files) -> StoredFile | None:
    """A file before a step; where the log only lists it, its content from the landing or the folder."""
    file = state.dialogue.session.tree.get(path, state.files.get(path))
    if path in state.dialogue.session.tree or file is None or not file.is_listed:
        return file
    if path in landed:
        return landed[path]
    try:
        there = (Path(state.root or "") / path).read_bytes()
    except OSError:
        return file
    read = StoredFile.of(there, mode=file.mode)
    return read if read.digest == file.digest else file


def _diff(before: Files, after: Files) -> str:
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
