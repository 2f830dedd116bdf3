"""Read a repository's notes for agents, such as AGENTS.md: of bounded size and without authority.

A note may name further files by `@PATH`, as in Claude Code; their text is added to it.
Format: https://code.claude.com/docs/en/memory
"""

import posixpath
import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

NAMES = ("AGENTS.md", "CLAUDE.md", "GEMINI.md")
ROOT_FILE = ".claude/CLAUDE.md"
"""A further place of the notes on the whole repository."""
_IMPORT = re.compile(r"(?:^|(?<=\s))@([\w./-]{1,200})", re.ASCII)
_CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_MAX_IMPORTS = 20
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
    paths = places_of_notes(*near)
    for path in paths:
        text = _with_imports(path, texts, without=paths)
        if text and room > 0 and text not in notes.values():
            notes[path] = text if len(text) <= room else f"{text[:room]}\n[… {len(text) - room} characters …]"
            room -= len(text)
    return dict(sorted(notes.items(), key=lambda note: (note[0].count("/"), note[0])))


def _with_imports(path: str, texts: Mapping[str, str], *, without: Iterable[str]) -> str:
    """Return the text of a file, followed by the files that it names by `@PATH`, recursively.

    Args:
        without: files that are shown anyway.
    """
    text = texts.get(path, "").strip()
    pending, known_paths, parts = [(path, text)], {path, *without}, [text]
    while pending:
        origin, text = pending.pop(0)
        for imported in imports_of(origin, text):
            if imported in known_paths or imported not in texts or len(parts) > _MAX_IMPORTS:
                continue
            known_paths.add(imported)
            pending.append((imported, texts[imported].strip()))
            parts.append(f"[{imported}:]\n{texts[imported].strip()}")
    return "\n\n".join(parts)


def imports_of(path: str, text: str) -> list[str]:
    """Return the paths of the files that a note at `path` names by `@PATH`."""
    folder = posixpath.dirname(path)
    names = _IMPORT.findall(_CODE.sub("", text))
    return [posixpath.normpath(posixpath.join(folder, name.rstrip("."))) for name in names]


def places_of_notes(*near: str) -> list[str]:
    """Return the possible paths of notes for these files, for each file the nearest first."""
    folders = dict.fromkeys(folder for path in near for folder in PurePosixPath(path).parents)
    paths = [name if str(folder) == "." else f"{folder}/{name}" for folder in folders for name in NAMES]
    return [*paths, ROOT_FILE]


def is_guidance(path: str) -> bool:
    """Whether a file contains notes for agents."""
    return PurePosixPath(path).name in NAMES or path == ROOT_FILE
