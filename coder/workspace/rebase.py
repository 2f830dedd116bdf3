"""Rebase a run onto the user's later edits: merge both, or stop with a reason."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from coder.base.errors import own_command
from coder.base.fs.safe_open import open_folder, read_regular
from coder.base.text.sanitize import as_bytes
from coder.run.attempts import best_code
from coder.run.event_types import FilesChanged, LandingRefused, PatchProposed, Spoken, ToolAnswered
from coder.run.find_target import find_target
from coder.run.journal import Journal
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.workspace.folder import MAX_FILE_BYTES
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git
from coder.workspace.proposal import is_same, modes_of, proposal, text_file


async def rebase(journal: Journal, reason: str) -> None:
    """Merge the user's later edits into the run's files, and have the result tried.

    If the same lines have changed, the run's own patch is kept for `coder export`, and nothing is written.

    Args:
        reason: message if the edits can't be merged.
    """
    state = journal.state
    best = best_code(state)
    if best is None or state.root is None:
        await journal.append(LandingRefused(reason=reason))
        return
    joined = best.changes.texts
    read = {path: state.files[path].content if path in state.files else None for path in joined}
    written = {path: as_bytes(text) if text is not None else None for path, text in joined.items()}
    newer: dict[str, StoredFile | None] = {}
    for path, base in read.items():
        now = _now(Path(state.root), path)
        current = now.content if now is not None else None
        if current == base:
            continue
        newer[path] = now
        if current == written[path]:
            continue
        both = _joined(base, current, written[path], tree=Path(state.root))
        if both is None:
            own = (
                f"Both edits of {path} can't be joined; the run's own is in: "
                f"{own_command()} export {state.run}"
            )
            await journal.append(
                PatchProposed(patch=proposal(state)[0]),
                LandingRefused(reason=f"{reason} {own}"),
            )
            return
        joined[path] = both
    changes = AnswerChanges(
        files={path: joined[path] for path in best.changes.files},
        test_edits={path: joined[path] for path in best.changes.test_edits},
        left_out=best.changes.left_out,
    )
    again = CodeMessage(author=best.author, text=best.text, changes=changes)
    edited = {path: stored for path, stored in newer.items() if stored is not None}
    present = {path: stored for path, stored in state.files.items() if path not in newer} | edited
    changed = FilesChanged(
        files=edited,
        gone=tuple(path for path, stored in newer.items() if stored is None),
        target=find_target(state.task, present),
    )
    modes = {path: state.dialogue.session.tree[path] for path in modes_of(state)}
    tree = {
        path: text_file(text, like=modes.get(path) or newer.get(path) or state.files.get(path))
        for path, text in joined.items()
    }
    session = ToolAnswered(call=state.spend.calls, id="", name="rebase", text="", changes=tree)
    await journal.append(changed, *([session] if state.dialogue.session.tree else []), Spoken(message=again))


def joined_tree(state: State, read: Mapping[str, StoredFile]) -> ToolAnswered | None:
    """Merge a session's unwritten work with the user's edits; the user's edits win a conflict."""
    changes: dict[str, StoredFile | None] = {}
    for path, edited in state.open_work.items():
        base, now = state.files.get(path), read.get(path)
        if is_same(now, base) or is_same(now, edited):
            continue
        both = _joined(
            *(one.content if one is not None else None for one in (base, now, edited)),
            tree=Path(state.root or os.curdir),
        )
        changes[path] = now if both is None else text_file(both, like=edited)
    return (
        ToolAnswered(call=state.spend.calls, id="", name="rebase", text="", changes=changes)
        if changes
        else None
    )


def _joined(base: bytes | None, one: bytes | None, other: bytes | None, *, tree: Path) -> str | None:
    if base is None or one is None or other is None:
        return None
    try:
        both = merge(base, one, other, tree=tree)
        return both.decode("utf-8") if both is not None else None
    except (GitFailed, UnicodeDecodeError):
        return None


def _now(root: Path, path: str) -> StoredFile | None:
    """Read the current file in the user's folder; None if it can't be read."""
    parts = PurePosixPath(path).parts
    try:
        with open_folder(root, parts[:-1]) as folder:
            content, status = read_regular(folder, parts[-1], limit=MAX_FILE_BYTES)
    except OSError:
        return None
    return StoredFile.of(content, mode=status.st_mode & 0o7777)


_MOST_CONFLICTS = 127
"""Git's exit code counts conflicts up to here; more is an error."""


def merge(base: bytes, one: bytes, other: bytes, *, tree: Path) -> bytes | None:
    """Return the text with both changes; None if they change the same lines. Raises GitFailed.

    Args:
        tree: git isn't taken from this folder.
    """
    with tempfile.TemporaryDirectory(prefix="coder-merge-") as place:
        for name, content in (("one", one), ("base", base), ("other", other)):
            (Path(place) / name).write_bytes(content)
        own = {"GIT_DIR": f"{place}/none", "GIT_CEILING_DIRECTORIES": str(Path(place).parent)}
        arguments = ("merge-file", "--stdout", "one", "base", "other")
        try:
            return run_git(arguments, environment=closed_environment() | own, cwd=Path(place), tree=tree)
        except GitFailed as error:
            if error.code is not None and 0 < error.code <= _MOST_CONFLICTS:
                return None
            raise
