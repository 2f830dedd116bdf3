"""AGENTS.md: what a repository says to those who work in it. It is data, bounded, and decides nothing."""

from collections.abc import Mapping
from pathlib import PurePosixPath

NAME = "AGENTS.md"
MOST_CHARACTERS = 6_000


def guidance(texts: Mapping[str, str], near: str) -> dict[str, str]:
    """The notes that hold for a path: the root's and those of the folders on the way to it, cut to bounds.

    Args:
        texts: text of each file by path.
        near: path of a file, which need not exist.

    Returns:
        Text by path, the root's first. The nearest has the last word, and the most room.
    """
    folders = [str(folder) for folder in PurePosixPath(near).parents]
    found: dict[str, str] = {}
    left = MOST_CHARACTERS
    for folder in folders:
        path = NAME if folder == "." else f"{folder}/{NAME}"
        text = texts.get(path, "").strip()
        if text and left > 0:
            found[path] = text if len(text) <= left else f"{text[:left]}\n[… {len(text) - left} characters …]"
            left -= len(text)
    return dict(reversed(found.items()))


def is_guidance(path: str) -> bool:
    """Whether a file holds such notes."""
    return PurePosixPath(path).name == NAME
