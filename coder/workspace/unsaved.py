"""Unsaved texts in the user's editor: read them for a run, and save them before it lands.

The text in the editor is the user's file (ADR 0082). A file that differs from it by line ends or a byte order
mark alone counts as saved.
"""

from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

from coder.base.fs.safe_open import open_folder, read_regular
from coder.run.event_types.run_events import FileChange, LandingPlan
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.watch import Editing
from coder.workspace.folder import MAX_FILE_BYTES
from coder.workspace.landing import FileChanged, ForbiddenPath, apply

_BOM = "\ufeff"


def current_file(root: Path, path: str) -> StoredFile | None:
    """Return the current file in the user's folder; None if it can't be read."""
    parts = PurePosixPath(path).parts
    try:
        with open_folder(root, parts[:-1]) as folder:
            content, status = read_regular(folder, parts[-1], limit=MAX_FILE_BYTES)
    except OSError:
        return None
    return StoredFile.of(content, mode=status.st_mode & 0o7777)


async def unsaved_files(watch: object, root: Path | None, paths: Collection[str]) -> dict[str, StoredFile]:
    """Return the files whose text in the user's editor differs from the disk, with the editor's text."""
    if root is None or not paths or not isinstance(watch, Editing):
        return {}
    unsaved = {}
    for path, text in (await watch.open_texts(paths)).items():
        saved = current_file(root, path)
        if saved is None or saved.text is None:
            continue  # a file that was removed, or is no text
        content = as_saved(text, saved.text, saved.encoding)
        if content is not None and content != saved.content:
            unsaved[path] = StoredFile.of(content, mode=saved.mode)
    return unsaved


async def save_unsaved(watch: object, state: State, paths: Collection[str]) -> None:
    """Make the editor save files that a run is about to change, so that the disk has the text that it read.

    Files that the editor doesn't write to the disk are written here.

    Raises:
        FileChanged: the editor's text of a file isn't the text that the run read; nothing was saved.
        ForbiddenPath: a file has changed on the disk since the editor read it; nothing was saved.
    """
    root = Path(state.root) if state.root is not None else None
    unsaved = await unsaved_files(watch, root, paths)
    if root is None or not unsaved or not isinstance(watch, Editing):
        return
    for path, file in unsaved.items():
        if path not in state.files or state.files[path].digest != file.digest:
            raise FileChanged(f"{path} has changed in the editor since this run read it.")
    before = {path: current_file(root, path) for path in unsaved}
    for path, saved in before.items():
        if saved is None or saved.digest != watch.saved_digest(path):
            raise ForbiddenPath(
                f"{path} has changed on the disk, and the editor holds another text: save or reload it."
            )
    await watch.write_texts({path: file.text or "" for path, file in unsaved.items()})
    for path, file in unsaved.items():
        old, now = before[path], current_file(root, path)
        if old is None or now is None or now.digest != old.digest:
            continue  # it is saved, or what it became is noticed as any edit is
        change = FileChange(
            path=path, before=old.digest, after=file.digest, mode=old.mode, executable=old.is_executable
        )
        await apply(LandingPlan(root=str(root), changes=(change,)), {path: file.content}, _forget)


async def show_landed(watch: object, state: State) -> None:
    """Make the editor show the files that a run has written, if it still has their earlier text."""
    landing = state.landing.planned
    if landing is None or not isinstance(watch, Editing):
        return
    root, before = Path(landing.plan.root), landing.before
    landed = {
        change.path: file.text
        for change in landing.plan.changes
        if change.before is not None
        and (file := current_file(root, change.path)) is not None
        and file.text is not None
    }
    texts = await watch.open_texts(landed)
    stale = {
        path: landed[path]
        for path, text in texts.items()
        if (old := before[path]).text is not None
        and text != landed[path]
        and as_saved(text, old.text, old.encoding) == old.content
    }
    if stale:
        await watch.write_texts(stale)


def as_saved(text: str, saved: str, encoding: str | None = None) -> bytes | None:
    """Return an editor's text as it would be saved: with the file's encoding, byte order mark and line ends.

    Return None if it is too long or can't be encoded.
    """
    if saved.startswith(_BOM) and not text.startswith(_BOM):
        text = _BOM + text
    if "\r\n" in saved and "\r" not in text:
        crlf = text.replace("\n", "\r\n")
        text = saved if saved.replace("\r\n", "\n") == text else crlf
    try:
        content = text.encode(encoding or "utf-8")
    except UnicodeEncodeError:  # half of a surrogate pair, or a character that the encoding lacks
        return None
    return content if len(content) <= MAX_FILE_BYTES else None


def overlaid(files: Mapping[str, StoredFile], unsaved: Mapping[str, StoredFile]) -> dict[str, StoredFile]:
    """Return the files, replaced by their unsaved texts if there are any."""
    return {path: unsaved.get(path, file) for path, file in files.items()}


async def _forget(path: str) -> None:
    """Record nothing, as the saved text is the user's own."""
