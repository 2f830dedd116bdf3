"""What a conversation is about: its folder, and the files that the user puts before the model."""

import re
from collections.abc import Iterable
from os.path import exists
from pathlib import Path

from coder.base.errors import UsageError
from coder.models.abilities import abilities_of
from coder.models.model import Image, Model
from coder.run.event_types import Body
from coder.run.state import State
from coder.run.target import Target
from coder.run.task import Task
from coder.workspace.folder import Snapshot
from coder.workspace.read import changed_since
from coder.workspace.rebase import joined_tree

_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")

_FILE = re.compile(r"[\w.~-]*(?:/[\w.~-]+)+|[\w-]+\.\w{1,4}")
"""What may be meant as a file behind an @: a path, or a name with a short ending, and no decorator."""


def root_of(task: Task) -> Path:
    """The folder that a conversation with this task is about."""
    assert task.workspace is not None
    path = task.workspace.resolve()
    return path.parent if path.is_file() else path


def places_named(name: str, root: Path, read: Iterable[str]) -> list[str]:
    """Return the paths of a name; a folder gives all read files below. UsageError: there is none."""
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.exists():
        raise UsageError(f"There is no {name} in {root}.")
    inside = path.relative_to(root).as_posix()
    return [file for file in read if file == inside or file.startswith(f"{inside}/")] or [inside]


def mentioned(text: str, root: Path, *, model: Model) -> tuple[list[str], tuple[Image, ...]]:
    """Return the names after an @ in a message, and pictures; UsageError: the model can't see pictures."""
    words = [word[1:].rstrip(",.;:?!)") for word in text.split() if word.startswith("@")]
    names = [name for name in words if name and exists(root / name)]
    pictures = [name for name in names if Path(name).suffix.lower() in _PICTURES and (root / name).is_file()]
    if not pictures:
        return names, ()
    if abilities_of(model).sees is False:
        raise UsageError(
            f"{model.name} sees no pictures. Name {pictures[0]} without the @, or another model: /model NAME"
        )
    from coder.config.image_files import read_pictures

    return [name for name in names if name not in pictures], read_pictures(
        tuple(root / name for name in pictures)
    )


def missing_files(text: str, root: Path) -> list[str]:
    """Names behind an @ in a message that are no file here."""
    words = [word[1:].rstrip(",.;:?!)") for word in text.split() if word.startswith("@")]
    return [name for name in words if _FILE.fullmatch(name) and not exists(root / name)]


def about(paths: Iterable[str]) -> str:
    """Return the sentence about the files that the user has added."""
    quoted = ", ".join(f"`{path}`" for path in paths)
    return f"\n\nThis is about: {quoted}." if quoted else ""


def happened_before(state: State, read: Snapshot, task: Task, target: Target) -> list[Body]:
    """What is known when a further message begins: what the user has edited, and what the tests said."""
    changed = changed_since(state.files, read.files, lambda: target)
    happened: list[Body] = [changed] if changed is not None else []
    is_same = state.task.test_command == task.test_command
    if changed is None and state.progress.baseline is not None and is_same:
        happened.append(state.progress.baseline)  # the same command on the same files
    if (joined := joined_tree(state, read.files)) is not None:
        happened.append(joined)
    return happened
