"""The words that end a message about an unknown name: what it may have been meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def or_nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`"; did you mean a, b?"` with at most three known names; empty where none is near."""
    close = get_close_matches(name, list(known), n=3, cutoff=cutoff)
    return f"; did you mean {', '.join(close)}?" if close else ""
