"""Facts: the definitions and names of a source file; read once for each content, then cached."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from coder.context.confined_reader import NoReader, Reader, ReaderDied, open_reader
from coder.fs.disk_cache import FactCache
from coder.source.languages import language_of

MOST_BYTES = 256 << 10
"""Of one file; a larger one is generated, or data."""
_LONGEST_NUMBER = 9
VERSION = "4"
"""Of what is extracted: another number makes every cached fact one of another key."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What one file defines and uses, as it is cached: names with blanks between."""

    defined: str = ""
    """`name:line`, in order of lines."""
    words: str = ""

    def definitions(self) -> Iterator[tuple[str, int]]:
        """Each defined name with its line, from 1; entries of a damaged cache are skipped."""
        for pair in self.defined.split():
            name, _, line = pair.partition(":")
            if line.isdecimal() and len(line) < _LONGEST_NUMBER:
                yield name, int(line)


async def facts_of(
    texts: Mapping[str, str], *, cache: Path | None, deadline_s: float = 20.0
) -> dict[str, Facts]:
    """The facts of every source file in a known language.

    A file that can't be read in time, or that ends its parser, has none.

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


BATCH_BYTES = 192 << 10
"""Characters of source in one question."""
MOST_READERS = 4
_SMALL = 40
"""Files for which one process is enough."""

Source = tuple[str, str]
"""Language and text."""
Found = tuple[str, str]
"""Definitions and words, as `Facts` holds them."""


async def extracted(sources: Mapping[str, Source], *, deadline_s: float) -> dict[str, Found]:
    """The facts of each source by its key, without those for which no time was left.

    A source that ends its reader gets empty facts, and isn't tried again.
    """
    found: dict[str, Found] = {}
    batches = _batches(sources)
    readers = 1 if len(sources) <= _SMALL else min(MOST_READERS, _processors(), len(batches))
    languages = sorted({language for language, _ in sources.values()})
    queue = iter(batches)
    try:
        async with asyncio.timeout(deadline_s), asyncio.TaskGroup() as group:
            for _ in range(readers):
                group.create_task(_work(queue, sources, languages, found))
    except TimeoutError:
        return found
    return found


async def _work(
    queue: Iterator[list[str]],
    sources: Mapping[str, Source],
    languages: Sequence[str],
    found: dict[str, Found],
) -> None:
    """Take batches until there are none; a reader that dies is replaced."""
    batch: list[str] = []
    while True:
        try:
            async with open_reader(languages) as reader:
                while batch := batch or next(queue, []):
                    await _read(reader, batch, sources, found)
            return
        except NoReader:
            return
        except ReaderDied:
            found[batch.pop(0)] = ("", "")


async def _read(
    reader: Reader,
    batch: list[str],
    sources: Mapping[str, Source],
    found: dict[str, Found],
) -> None:
    """Read a batch, taking out what is done: the first one left is what the reader died of."""
    await reader.ask([sources[key] for key in batch])
    while batch:
        found[batch[0]] = _checked(await reader.answer())
        batch.pop(0)


def _checked(answer: object) -> Found:
    """Schema of answers; a compromised reader can send nothing else.

    Raises:
        ReaderDied: the answer doesn't fit it.
    """
    match answer:
        case [str(defined), str(words)] if all(_is_definition(pair) for pair in defined.split()):
            return defined, words
    raise ReaderDied


def _is_definition(pair: str) -> bool:
    name, _, line = pair.rpartition(":")
    return bool(name) and line.isascii() and line.isdigit() and len(line) < 9


def _batches(sources: Mapping[str, Source]) -> list[list[str]]:
    batches: list[list[str]] = []
    room = 0
    for key, (_, text) in sources.items():
        if not batches or len(text) > room:
            batches.append([])
            room = BATCH_BYTES
        batches[-1].append(key)
        room -= len(text)
    return batches


def _processors() -> int:
    from coder.models.llama import processors

    return processors()


Definers = Mapping[str, Mapping[str, int]]
"""For each name the files that define it, sorted, each with the first line that does; lines begin at 1."""


def definers_of(facts: Mapping[str, Facts]) -> Definers:
    """The definers of every name."""
    found: dict[str, dict[str, int]] = {}
    for path in sorted(facts):
        for name, line in facts[path].definitions():
            found.setdefault(name, {}).setdefault(path, line)
    return found
