"""Read AGENTS.md and CLAUDE.md: a repository's notes for agents, of bounded size and without authority."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

NAMES = ("AGENTS.md", "CLAUDE.md")
MAX_CHARACTERS = 6_000


def guidance(texts: Mapping[str, str], near: Iterable[str], *, most: int = MAX_CHARACTERS) -> dict[str, str]:
    """Return notes for some paths, by path, from the root's to the deepest, which takes precedence.

    Args:
        texts: text of each file by path.
        near: paths of files, existing or not; notes for the first path are added first.
        most: maximum characters of all notes.
    """
    notes: dict[str, str] = {}
    room = most
    for path in _notes(near):
        text = texts.get(path, "").strip()
        if text and room > 0 and text not in notes.values():
            notes[path] = text if len(text) <= room else f"{text[:room]}\n[… {len(text) - room} characters …]"
            room -= len(text)
    return dict(sorted(notes.items(), key=lambda note: (note[0].count("/"), note[0])))


def _notes(near: Iterable[str]) -> list[str]:
    """Return the possible paths of notes for these files, for each file the nearest first."""
    folders = dict.fromkeys(folder for path in near for folder in PurePosixPath(path).parents)
    return [name if str(folder) == "." else f"{folder}/{name}" for folder in folders for name in NAMES]


def is_guidance(path: str) -> bool:
    """Whether a file contains such notes."""
    return PurePosixPath(path).name in NAMES
