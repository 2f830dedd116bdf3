"""The files that a run has read or changed, as a tree with marks for the changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from coder.base.text.sanitize import readable_content
from coder.run.attempts import best_code
from coder.run.state import State

MAX_FILES = 2000
"""Number of files that the tree shows, changed ones first."""


@dataclass(slots=True)
class Folder:
    """A folder of the tree."""

    name: str
    path: str = ""
    has_changes: bool = False
    folders: dict[str, "Folder"] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    """Mark of each file by name: `+` new, `~` changed, `-` removed, or empty."""


def marks_of(state: State) -> dict[str, str]:
    """Return the mark of each file by path."""
    marks = dict.fromkeys(state.files, "")
    for path, text in changes_of(state).items():
        marks[path] = "-" if text is None else "~" if path in state.files else "+"
    return marks


def tree_of(marks: Mapping[str, str]) -> Folder:
    """Return the root of a folder tree of the files in `marks`, which maps each path to its mark."""
    root = Folder("")
    for path in sorted(marks, key=lambda name: (not marks[name], name))[:MAX_FILES]:
        *parents, name = path.split("/")
        folder = root
        for parent in parents:
            child_path = f"{folder.path}{parent}/"
            folder.has_changes |= bool(marks[path])
            folder = folder.folders.setdefault(parent, Folder(parent, child_path))
        folder.has_changes |= bool(marks[path])
        folder.files[name] = marks[path]
    return root


def content_of(state: State, path: str) -> str | None:
    """Return a file's text with the run's changes, or `(removed)`; None if the run has no text of it."""
    changes = changes_of(state)
    if path in changes:
        text = changes[path]
        return "(removed)" if text is None else readable_content(text)
    file = state.files.get(path)
    return file.text if file is not None else None


def changes_of(state: State) -> Mapping[str, str | None]:
    """Return the files that a run's best code changes, by path; None: it removes the file."""
    code = best_code(state)
    return {**code.changes.files, **code.changes.test_edits} if code is not None else {}
