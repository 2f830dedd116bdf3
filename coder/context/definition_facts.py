"""Facts: what a source file defines and which names it uses; read once for each content, then cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from coder.context.extraction import extracted
from coder.fs.disk_cache import FactCache
from coder.source.languages import language_of

MOST_BYTES = 256 << 10
"""Of one file; a larger one was written by a program, or is data."""
_LONGEST_NUMBER = 9
VERSION = "3"
"""Of what is extracted: another number makes every cached fact one of another key."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one file defines and uses, as it is cached: names with blanks between."""

    defined: str = ""
    """`name:line`, in order of lines."""
    words: str = ""

    def definitions(self) -> Iterator[tuple[str, int]]:
        """Each defined name with the number of its line, which begins at 1.

        What a damaged cache has made of one is no definition.
        """
        for pair in self.defined.split():
            name, _, line = pair.partition(":")
            if line.isdecimal() and len(line) < _LONGEST_NUMBER:
                yield name, int(line)


async def facts_of(
    texts: Mapping[str, str], *, cache: Path | None, deadline_s: float = 20.0
) -> dict[str, Facts]:
    """The facts of every source file in a language that we know.

    A file that can't be read in time, or that ends its parser, has none: it is left out of maps.

    Args:
        texts: text of each file by path.
        cache: folder of the cache; None keeps nothing.
    """
    keys: dict[str, str] = {}
    languages: dict[str, str] = {}
    for path, text in texts.items():
        language = language_of(path)
        if language is not None and len(text) <= MOST_BYTES:
            languages[path] = language
            keys[path] = _key(language, text)
    with FactCache(cache) as known:
        found = known.get(set(keys.values()))
        missing = {keys[path]: (languages[path], texts[path]) for path in keys if keys[path] not in found}
        if missing:
            fresh = await extracted(missing, deadline_s=deadline_s)
            known.put(fresh)
            found |= fresh
    return {path: Facts(*found[key]) for path, key in keys.items() if key in found}


def _key(language: str, text: str) -> str:
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(f"{VERSION} {language}\n".encode() + content).hexdigest()
