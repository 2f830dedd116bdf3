"""What a conversation is about: its folder, and the files that the user puts before the model."""

from collections.abc import Iterable
from pathlib import Path

from coder.errors import UsageError
from coder.run.task import Task


def root_of(task: Task) -> Path:
    """The folder that a conversation with this task is about."""
    assert task.workspace is not None
    path = task.workspace.resolve()
    return path.parent if path.is_file() else path


def places_named(name: str, root: Path, read: Iterable[str]) -> list[str]:
    """The paths in the folder that a name of the user's stands for: all that was read below a folder's.

    Args:
        read: the paths that the run reads; a file besides, as git ignores it, stands for itself.

    Raises:
        UsageError: there is no such file in the folder.
    """
    path = (root / name).resolve()
    if not path.is_relative_to(root) or not path.exists():
        raise UsageError(f"There is no {name} in {root}.")
    inside = path.relative_to(root).as_posix()
    return [known for known in read if known == inside or known.startswith(f"{inside}/")] or [inside]


def about(paths: Iterable[str]) -> str:
    """What a message says of the files that the user has put before the model."""
    named = ", ".join(f"`{path}`" for path in paths)
    return f"\n\nThis is about: {named}." if named else ""
