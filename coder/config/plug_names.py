"""Names of skills and subagents: those of the reference validator of agentskills.io, and slugs of others."""

import re
import unicodedata
from collections.abc import Container

from coder.base.text.sanitize import one_line

_MAX_LENGTH = 64
_DANGEROUS = re.compile(r"[/\\]|\.\.")


def plug_name(name: str) -> str:
    """Return the name by which a skill or subagent is called: letters of any alphabet, digits and single `-`.

    It is in NFKC and in lower case; other characters become `-`, as in `agent-development`.

    Raises ValueError if the name is a path, has control characters, is too long, or has no letter.
    """
    normal = unicodedata.normalize("NFKC", name).strip()
    if _DANGEROUS.search(normal) or any(unicodedata.category(character) == "Cc" for character in normal):
        raise ValueError(f"the name {one_line(name)!r} is a path, or has control characters")
    slug = re.sub("-+", "-", "".join(map(_in_slug, normal.lower()))).strip("-")
    if not slug or len(slug) > _MAX_LENGTH:
        raise ValueError(f"the name {one_line(name)!r} has no letters, or more than {_MAX_LENGTH}")
    return slug


def titled(name: str, description: str) -> str:
    """Return a description that begins with the name in its file if that looks unlike the one for calls."""
    is_alike = plug_name(name) == unicodedata.normalize("NFKC", name)
    return description if is_alike else f"{one_line(name)}: {description}"


def called_name(name: str, known: Container[str]) -> str:
    """Return which of the known names a caller means, who may have written it as its file does."""
    if name in known:
        return name
    try:
        return plug_name(name)
    except ValueError:
        return name


def _in_slug(character: str) -> str:
    is_kept = character.isalnum() or unicodedata.category(character).startswith("M")
    return character if is_kept else "-"
