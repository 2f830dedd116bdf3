"""AGENTS.md, CLAUDE.md: a repository's notes for those who work in it. Bounded data that decides nothing."""

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

NAMES = ("AGENTS.md", "CLAUDE.md")
MOST_CHARACTERS = 6_000


def guidance(texts: Mapping[str, str], near: Iterable[str], *, most: int = MOST_CHARACTERS) -> dict[str, str]:
    """Notes for some paths, by path: the root's first, the deepest, which takes precedence, last.

    Args:
        texts: text of each file by path.
        near: paths of files, existing or not; the notes of the first get the most room.
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
    """Where notes for these paths could stand: of each path the nearest first."""
    folders = dict.fromkeys(folder for path in near for folder in PurePosixPath(path).parents)
    return [name if str(folder) == "." else f"{folder}/{name}" for folder in folders for name in NAMES]


def is_guidance(path: str) -> bool:
    """Whether a file holds such notes."""
    return PurePosixPath(path).name in NAMES
