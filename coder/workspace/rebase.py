"""Merge a run's changes with the user's later edits, or stop with a reason."""

import asyncio
import os
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path

from coder.base.errors import own_command
from coder.base.text.sanitize import as_bytes
from coder.run.attempts import best_code
from coder.run.event_types import FilesChanged, LandingRefused, PatchProposed, Spoken, ToolAnswered
from coder.run.find_target import find_target
from coder.run.journal import Journal
from coder.run.message import AnswerChanges, CodeMessage
from coder.run.state import State
from coder.run.stored_file import StoredFile, listing
from coder.run.target import decides
from coder.run.verdict_words import join_names
from coder.workspace.git.run_git import GitFailed, closed_environment, run_git
from coder.workspace.landing import FileChanged
from coder.workspace.proposal import is_same, modes_of, proposal, text_file
from coder.workspace.read import changed_meanwhile, is_small, read_again
from coder.workspace.unsaved import current_file, unsaved_files

MAX_TAKEN_OVER = 3
"""Changes of the folder are taken over so often in a row; then the run ends, and keeps its change."""


async def require_unchanged(journal: Journal) -> None:
    """Raise FileChanged with the names of the folder's files that have changed since the run read them."""
    state = journal.state
    if state.root is None or state.settings.in_place:
        return
    changes = await _changes_meanwhile(journal, ())
    if changes and not _grow_again(state, changes):
        raise FileChanged(f"{join_names([*changes])} changed in your folder after the run had read it.")


async def rebase(journal: Journal, reason: str) -> None:
    """Take over the user's later edits, merged with the run's, so that the result is verified again.

    If both changed the same lines, or the folder doesn't come to rest, the run's patch is kept for
    `coder export` and `coder resume`, and nothing is written.

    Args:
        reason: message if the edits can't be merged.
    """
    state = journal.state
    best = best_code(state)
    if best is None or state.root is None:
        await journal.append(LandingRefused(reason=reason))
        return
    changes = await _changes_meanwhile(journal, best.changes.texts)
    try:
        if (count := len(state.landing.taken_over)) >= MAX_TAKEN_OVER:
            raise _Unmergeable(
                f"It was verified {count + 1} times, and the folder changed each time. "
                f"Let it rest, then: {own_command()} resume {state.run}"
            )
        texts = best.changes.texts | _merged_texts(state, best, changes)
    except _Unmergeable as error:
        await journal.append(
            PatchProposed(patch=proposal(state)[0]), LandingRefused(reason=f"{reason} {error}")
        )
        return
    changed_files = {path: file for path, file in changes.items() if file is not None}
    present = {path: file for path, file in state.files.items() if path not in changes} | changed_files
    is_listed = not is_small(changed_files)
    taken_over = FilesChanged(
        files={} if is_listed else changed_files,
        listing=listing(changed_files) if is_listed else "",
        gone=tuple(path for path, file in changes.items() if file is None),
        target=find_target(state.task, present),
    )
    modes = {path: state.dialogue.session.tree[path] for path in modes_of(state)}
    tree = {
        path: text_file(text, like=modes.get(path) or changed_files.get(path) or state.files.get(path))
        for path, text in texts.items()
    }
    session = ToolAnswered(call=state.spend.calls, id="", name="rebase", text="", changes=tree)
    events = [session] if state.dialogue.session.tree else []
    await journal.append(taken_over, *events, Spoken(message=_with_texts(best, texts)))
    if is_listed:
        journal.hold(present)


class _Unmergeable(Exception):
    """The folder's changes can't be taken over; the message says why, and what to do."""


def _with_texts(code: CodeMessage, texts: Mapping[str, str | None]) -> CodeMessage:
    changes = AnswerChanges(
        files={path: texts[path] for path in code.changes.files},
        test_edits={path: texts[path] for path in code.changes.test_edits},
        left_out=code.changes.left_out,
    )
    return CodeMessage(author=code.author, text=code.text, changes=changes)


async def _changes_meanwhile(journal: Journal, written: Collection[str]) -> dict[str, StoredFile | None]:
    """Return the files that have changed since the run read them, as they are now; None: removed.

    Args:
        written: paths of the run's change, which git may ignore.
    """
    state = journal.state
    root = Path(state.root or os.curdir)
    present = dict(await asyncio.to_thread(read_again, state))
    for path in written:
        if path not in present and (file := current_file(root, path)) is not None:
            present[path] = file
    changes = changed_meanwhile(state, present)
    present |= await unsaved_files(journal.watch, root, {*changes, *written})
    return changed_meanwhile(state, present)


def _grow_again(state: State, changes: Mapping[str, StoredFile | None]) -> bool:
    """Whether the changes only append to files that were taken over before, as programs do that write logs.

    The change passed although the files had changed. Files that decide what passes are always verified.
    """
    known_paths = {path for paths in state.landing.taken_over for path in paths}
    if not all(path in known_paths and not decides(path, state.task, state.target) for path in changes):
        return False
    try:
        return all(
            file is not None and path in state.files and file.content.startswith(state.files[path].content)
            for path, file in changes.items()
        )
    except LookupError:  # the log of a large folder holds no contents
        return False


def _merged_texts(
    state: State, code: CodeMessage, changes: Mapping[str, StoredFile | None]
) -> dict[str, str | None]:
    """Return the run's texts of changed files, merged with the user's. Raises _Unmergeable."""
    texts: dict[str, str | None] = {}
    for path, text in code.changes.texts.items():
        if path not in changes:
            continue
        file, wanted = changes[path], as_bytes(text) if text is not None else None
        current = file.content if file is not None else None
        base = state.files[path].content if path in state.files else None
        if current in (base, wanted):
            continue
        merged = _merge_texts(base, current, wanted, tree=Path(state.root or os.curdir))
        if merged is None:
            raise _Unmergeable(
                f"Both edits of {path} can't be joined; the run's own is in: "
                f"{own_command()} export {state.run}"
            )
        texts[path] = merged
    return texts


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
    merged = merged_contents(base, ours, theirs, tree=tree)
    try:
        return merged.decode("utf-8") if merged is not None else None
    except UnicodeDecodeError:
        return None


def merged_contents(
    base: bytes | None, ours: bytes | None, theirs: bytes | None, *, tree: Path
) -> bytes | None:
    """Return a file with both sides' changes; None if both change the same lines, or it isn't text.

    Args:
        tree: a folder from which git isn't started.
    """
    if base is None or ours is None or theirs is None:
        return None
    try:
        return merge(base, ours, theirs, tree=tree)
    except GitFailed:
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
