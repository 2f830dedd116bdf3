"""Have source files read by processes of their own, which are confined, bounded and may die."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from coder.context.confined_reader import NoReader, Reader, ReaderDied, open_reader

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
    """What was found in each source by its key; without those for which no time was left.

    What ends its reader has nothing in it, and isn't tried again another day.
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
        return found  # a map of what was read in time is better than none
    return found


async def _work(
    queue: Iterator[list[str]],
    sources: Mapping[str, Source],
    languages: Sequence[str],
    found: dict[str, Found],
) -> None:
    """Take batches until there are none; a reader that dies is followed by another one."""
    batch: list[str] = []
    while True:
        try:
            async with open_reader("extracting", languages) as reader:
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
    """Have a batch read; what was is taken out of it, so that the first left is what the reader died of."""
    await reader.ask([sources[key] for key in batch])
    while batch:
        found[batch[0]] = _checked(await reader.answer())
        batch.pop(0)


def _checked(answer: object) -> Found:
    """An answer as it may be: whoever took the reader over has no other words than these.

    Raises:
        ReaderDied: it is none.
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
