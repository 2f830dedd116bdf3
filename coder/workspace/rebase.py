"""Merge a run's changes with the user's later edits, or stop with a reason."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from coder.base.errors import own_command
from coder.base.text.sanitize import as_bytes
from coder.run.attempts import best_code
from coder.run.event_types import FilesChanged, LandingRefused, PatchProposed, Spoken, ToolAnswered
from coder.run.find_target import find_target
from coder.run.journal import Journal
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git
from coder.workspace.proposal import is_same, modes_of, proposal, text_file
from coder.workspace.unsaved import current_file, unsaved_files


async def rebase(journal: Journal, reason: str) -> None:
    """Merge the user's later edits into the run's files, so that the result is tried again.

    If both changed the same lines, the run's patch is kept for `coder export`, and nothing is written.

    Args:
        reason: message if the edits can't be merged.
    """
    state = journal.state
    best = best_code(state)
    if best is None or state.root is None:
        await journal.append(LandingRefused(reason=reason))
        return
    texts = best.changes.texts
    bases = {path: state.files[path].content if path in state.files else None for path in texts}
    run_contents = {path: as_bytes(text) if text is not None else None for path, text in texts.items()}
    changed_files: dict[str, StoredFile | None] = {}
    root = Path(state.root)
    unsaved = await unsaved_files(journal.watch, root, bases)
    for path, base in bases.items():
        stored_file = unsaved.get(path) or current_file(root, path)
        current = stored_file.content if stored_file is not None else None
        if current == base:
            continue
        changed_files[path] = stored_file
        if current == run_contents[path]:
            continue
        merged = _merge_texts(base, current, run_contents[path], tree=Path(state.root))
        if merged is None:
            note = (
                f"Both edits of {path} can't be joined; the run's own is in: "
                f"{own_command()} export {state.run}"
            )
            await journal.append(
                PatchProposed(patch=proposal(state)[0]),
                LandingRefused(reason=f"{reason} {note}"),
            )
            return
        texts[path] = merged
    changes = AnswerChanges(
        files={path: texts[path] for path in best.changes.files},
        test_edits={path: texts[path] for path in best.changes.test_edits},
        left_out=best.changes.left_out,
    )
    message = CodeMessage(author=best.author, text=best.text, changes=changes)
    edited_files = {path: stored for path, stored in changed_files.items() if stored is not None}
    present_files = {
        path: stored for path, stored in state.files.items() if path not in changed_files
    } | edited_files
    files_changed = FilesChanged(
        files=edited_files,
        gone=tuple(path for path, stored in changed_files.items() if stored is None),
        target=find_target(state.task, present_files),
    )
    modes = {path: state.dialogue.session.tree[path] for path in modes_of(state)}
    tree = {
        path: text_file(text, like=modes.get(path) or changed_files.get(path) or state.files.get(path))
        for path, text in texts.items()
    }
    session = ToolAnswered(call=state.spend.calls, id="", name="rebase", text="", changes=tree)
    await journal.append(
        files_changed, *([session] if state.dialogue.session.tree else []), Spoken(message=message)
    )


def joined_tree(state: State, read: Mapping[str, StoredFile]) -> ToolAnswered | None:
    """Merge a session's unwritten work with the user's edits; the user's edits win a conflict."""
    changes: dict[str, StoredFile | None] = {}
    for path, edited in state.open_work.items():
        base, current = state.files.get(path), read.get(path)
        if is_same(current, base) or is_same(current, edited):
            continue
        merged = _merge_texts(
            *(file.content if file is not None else None for file in (base, current, edited)),
            tree=Path(state.root or os.curdir),
        )
        changes[path] = current if merged is None else text_file(merged, like=edited)
    return (
        ToolAnswered(call=state.spend.calls, id="", name="rebase", text="", changes=changes)
        if changes
        else None
    )


def _merge_texts(base: bytes | None, ours: bytes | None, theirs: bytes | None, *, tree: Path) -> str | None:
    if base is None or ours is None or theirs is None:
        return None
    try:
        merged = merge(base, ours, theirs, tree=tree)
        return merged.decode("utf-8") if merged is not None else None
    except (GitFailed, UnicodeDecodeError):
        return None


_MAX_CONFLICTS = 127
"""Highest exit code of git that is a number of conflicts; a higher code is an error."""


def merge(base: bytes, ours: bytes, theirs: bytes, *, tree: Path) -> bytes | None:
    """Return the text with both sides' changes; None if both change the same lines. Raises GitFailed.

    Args:
        tree: a folder from which git isn't started.
    """
    with tempfile.TemporaryDirectory(prefix="coder-merge-") as folder:
        for name, content in (("one", ours), ("base", base), ("other", theirs)):
            (Path(folder) / name).write_bytes(content)
        git_variables = {"GIT_DIR": f"{folder}/none", "GIT_CEILING_DIRECTORIES": str(Path(folder).parent)}
        arguments = ("merge-file", "--stdout", "one", "base", "other")
        try:
            return run_git(
                arguments, environment=closed_environment() | git_variables, cwd=Path(folder), tree=tree
            )
        except GitFailed as error:
            if error.code is not None and 0 < error.code <= _MAX_CONFLICTS:
                return None
            raise
