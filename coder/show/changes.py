"""Format the changes of a step in a run's files as a patch."""

from collections.abc import Mapping
from pathlib import Path

from coder.base.text.editor_config import Charset
from coder.run.state import State
from coder.run.stored_file import StoredFile, charsets
from coder.workspace.diff import unified_diff
from coder.workspace.proposal import is_switched

Files = Mapping[str, StoredFile | None]
"""Files by path; None for a missing file."""


def diff_of(state: State, changes: Files, landed: Files) -> str:
    """Return the patch of changes to the files of a state.

    Args:
        landed: replaced contents of files that the log only lists, from the landing.
    """
    before = {path: _file_before(path, state, landed) for path in changes}
    return _diff(before, changes, charsets(state.files))


def _file_before(path: str, state: State, landed: Files) -> StoredFile | None:
    """Return a file before a step; if the log only lists the file, take it from the landing or the folder."""
    file = state.dialogue.session.tree.get(path, state.files.get(path))
    if path in state.dialogue.session.tree or file is None or not file.is_listed:
        return file
    if path in landed:
        return landed[path]
    try:
        content = (Path(state.root or "") / path).read_bytes()
    except OSError:
        return file
    current_file = StoredFile.of(content, mode=file.mode)
    return current_file if current_file.digest == file.digest else file


def _diff(before: Files, after: Files, charset_of: Charset) -> str:
    """Return a patch, and the names of changed files whose earlier contents are unknown."""
    unknown_paths = sorted(path for path, file in before.items() if file is not None and file.is_listed)
    known_paths = [path for path in after if path not in unknown_paths]
    contents_before, contents_after = (
        {path: _bytes(files[path]) for path in known_paths} for files in (before, after)
    )
    executable_paths = {
        path for path in known_paths if (one := after[path] or before[path]) and one.is_executable
    }
    switched_paths = {path for path in known_paths if is_switched(before[path], after[path])}
    return unified_diff(
        contents_before,
        contents_after,
        executable=executable_paths,
        switched=switched_paths,
        charset_of=charset_of,
    ) + "".join(f"{path}: changed; how it was before is not known\n" for path in unknown_paths)


def _bytes(file: StoredFile | None) -> bytes | None:
    return None if file is None else file.content
