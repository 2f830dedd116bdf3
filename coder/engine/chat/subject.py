"""The subject of a conversation: its folder, and the files that the user adds for the model."""

import re
from collections.abc import Collection, Iterable, Mapping
from os.path import exists
from pathlib import Path

from coder.base.errors import UsageError
from coder.base.text.dropped_paths import PICTURES, dropped_pictures
from coder.config.image_files import read_pictures
from coder.models.abilities import abilities_of
from coder.models.answer_parts import Image
from coder.models.model import Model
from coder.run.event_types import Body
from coder.run.state import State
from coder.run.stored_file import StoredFile
from coder.run.target import Target
from coder.run.task import Task
from coder.workspace.folder import Snapshot
from coder.workspace.read import changed_since
from coder.workspace.rebase import joined_tree

_MAX_IN_EDITOR = 100
"""Number of files that an editor is asked about at once."""
_FILE_NAME = re.compile(r"[\w.~-]*(?:/[\w.~-]+)+|[\w-]+\.\w{1,4}")
"""A file name after an @: a path, or a name with a short suffix, unlike a decorator."""


def root_of(task: Task) -> Path:
    """Return the folder that a conversation with this task is about."""
    assert task.workspace is not None
    path = task.workspace.resolve()
    return path.parent if path.is_file() else path


def find_paths(name: str, root: Path, read: Iterable[str]) -> list[str]:
    """Return the path of a name, or all read files of a folder. Raises UsageError if it doesn't exist."""
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.exists():
        raise UsageError(f"There is no {name} in {root}.")
    relative_path = path.relative_to(root).as_posix()
    return [file for file in read if file == relative_path or file.startswith(f"{relative_path}/")] or [
        relative_path
    ]


def find_mentions(
    text: str, root: Path, *, model: Model, is_confined: bool = False
) -> tuple[list[str], tuple[Image, ...]]:
    """Return the names of files, and the pictures and PDFs, that follow an @ in a message.

    Args:
        is_confined: whether names of files outside of the folder, also through links, are plain words.

    Raises UsageError if the model can't read the pictures or PDFs.
    """
    words = [word[1:].rstrip(",.;:?!)") for word in text.split() if word.startswith("@")]
    if is_confined:
        words = [name for name in words if _is_inside(root, name)]
    names = [name for name in words if name and exists(root / name)]
    pictures = [name for name in names if Path(name).suffix.lower() in PICTURES and (root / name).is_file()]
    if not pictures:
        return names, ()
    from coder.config.image_files import read_pictures

    images = read_pictures(tuple(root / name for name in pictures))
    for name, image in zip(pictures, images, strict=True):
        require_sight(model, [image], f"Name {name} without the @, or another model: /model NAME")
    return [name for name in names if name not in pictures], images


def find_dropped(
    text: str, root: Path, *, model: Model, is_confined: bool = False
) -> tuple[tuple[Image, ...], list[str]]:
    """Return the pictures and PDFs whose paths stand in a message, and why others aren't attached.

    Args:
        is_confined: whether paths outside of the folder are plain words.
    """
    images: list[Image] = []
    reasons: list[str] = []
    for path in dropped_pictures(text):
        if not Path(path).is_file() or (is_confined and not _is_inside(root, path)):
            continue
        try:
            (image,) = read_pictures((Path(path),))
            require_sight(model, [image], f"{path} was sent as text.")
        except UsageError as error:
            reasons.append(str(error))
        else:
            images.append(image)
    return tuple(images), reasons


def _is_inside(root: Path, name: str) -> bool:
    try:
        return (root / name).resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError):  # a zero byte, a loop of links
        return False


def require_sight(model: Model, pictures: Iterable[Image], next_step: str) -> None:
    """Raise UsageError if the model can't see these pictures or can't read these PDFs."""
    abilities = abilities_of(model)
    for image in pictures:
        if (abilities.reads_pdf if image.is_pdf else abilities.sees) is False:
            verb = "reads no PDFs" if image.is_pdf else "sees no pictures"
            raise UsageError(f"{model.name} {verb}. {next_step}")


def paths_in_editor(
    files: Mapping[str, StoredFile], state: State | None, named: Collection[str]
) -> list[str]:
    """Return the files to read from the user's editor: all text files of a small folder.

    Of a large folder, return the named files and those that the conversation has changed.
    """
    paths = [path for path, file in files.items() if file.base64 is None]
    if len(paths) > _MAX_IN_EDITOR:
        work = {*state.open_work, *state.landing.planned_paths} if state is not None else set()
        paths = [path for path in paths if path in named or path in work]
    return paths[:_MAX_IN_EDITOR]


def missing_files(text: str, root: Path) -> list[str]:
    """Return the names after an @ in a message that aren't files here."""
    words = [word[1:].rstrip(",.;:?!)") for word in text.split() if word.startswith("@")]
    return [name for name in words if _FILE_NAME.fullmatch(name) and not exists(root / name)]


def subject_sentence(paths: Iterable[str]) -> str:
    """Return a sentence that names the files which the user has added."""
    quoted_paths = ", ".join(f"`{path}`" for path in paths)
    return f"\n\nThis is about: {quoted_paths}." if quoted_paths else ""


def events_before(state: State, snapshot: Snapshot, task: Task, target: Target) -> list[Body]:
    """Return the events before a further message: the user's edits, a known baseline, and joined changes."""
    file_changes = changed_since(state.files, snapshot.files, lambda: target)
    events: list[Body] = [file_changes] if file_changes is not None else []
    is_same_command = state.task.test_command == task.test_command
    if file_changes is None and state.progress.baseline is not None and is_same_command:
        known = state.progress.baseline  # the same command on the same files
        events.append(known.model_copy(update={"is_repeat": True}))
    if (joined_files := joined_tree(state, snapshot.files)) is not None:
        events.append(joined_files)
    return events
