"""Counts in words, and the nearest name to one that isn't known."""

from collections.abc import Iterable
from difflib import get_close_matches


def count_of(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `1,000 files`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def or_nearest(name: str, known: Iterable[str], *, cutoff: float = 0.6) -> str:
    """`"; did you mean a, b?"` with at most three known names; empty where none is near."""
    close = get_close_matches(name, list(known), n=3, cutoff=cutoff)
    return f"; did you mean {', '.join(close)}?" if close else ""
