"""Recognize names that some file system treats as `.git`."""

import re
import unicodedata

_GIT = re.compile(r"\.git|git~\d+")
"""Names that are `.git` on some file system; `git~1` is its short name on Windows."""


def is_git_name(part: str) -> bool:
    """Whether one part of a path is `.git` on some file system.

    File systems may ignore case, invisible characters, blanks and dots at the end, and text after a colon.
    """
    return _GIT.fullmatch(folded_name(part)) is not None


def folded_name(part: str) -> str:
    """Return one part of a path as the most lenient file system compares it."""
    visible = part.casefold()
    if not part.isascii():  # ASCII has no character to decompose or to remove
        visible = "".join(
            character
            for character in unicodedata.normalize("NFKD", part).casefold().replace("ı", "i")
            if not unicodedata.combining(character) and unicodedata.category(character) != "Cf"
        )
    return visible.partition(":")[0].rstrip(". ").lstrip(" ")
