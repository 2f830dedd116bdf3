"""Laid: the files that a program is run on."""

from collections.abc import Mapping

from coder.run.state import State
from coder.text.binary import as_bytes
from coder.workspace.read import content
from coder.workspace.symlinks import following


def workspace_files(
    state: State, code: Mapping[str, str | None], *, test_edits: Mapping[str, str | None] | None = None
) -> dict[str, bytes]:
    """The user's files, an answer over them, and the given tests, pristine, over both.

    Args:
        test_edits: given tests as an answer edits them, where it is to be tried with these.
    """
    edits = test_edits or {}
    code = {**code, **edits}
    files = {path: content(stored) for path, stored in state.files.items() if path not in code}
    files |= {path: as_bytes(text) for path, text in code.items() if text is not None}
    files = following(files, code, state.files)
    if state.task.test_command:
        files |= {test.path: test.text.encode() for test in state.task.test_files if test.path not in edits}
    return files
