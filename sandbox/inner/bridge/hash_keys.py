"""Keys of a set or dict that were chosen so that it takes long to build.

A table compares each new key with those of the same hash, and looks further where lower bits are alike.
"""

from __future__ import annotations

MAX_ALIKE = 32
"""Keys of one set or dict with the same hash: each new one is compared with all of them."""
_PLACES = 1 << 16
"""A set or dict of so many keys is built within 25 ms, whatever their lower bits are."""


def refusal_of(keys: list[object]) -> str:
    """Why no set or dict is made of these keys; empty where one may be."""
    try:
        hashes = [hash(key) for key in keys]
    except TypeError:
        return "a key of a set or dict that can't be hashed"
    most = MAX_ALIKE + 4 * (len(hashes) // _PLACES)
    is_crowded = len(hashes) > _PLACES and _most_alike([value % _PLACES for value in hashes]) > most
    if is_crowded or _most_alike(hashes) > MAX_ALIKE:
        return f"more than {MAX_ALIKE} keys of a set or dict with the same hash, or hashes that end alike"
    return ""


def _most_alike(numbers: list[int]) -> int:
    seen: dict[int, int] = {}
    for number in numbers:
        seen[number] = seen.get(number, 0) + 1
    return max(seen.values(), default=0)
