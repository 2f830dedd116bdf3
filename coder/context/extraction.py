"""Have source files read by processes of their own, which are confined, bounded and may die."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

BATCH_BYTES = 192 << 10
"""Characters of source in one question."""
MOST_ANSWERED = 2 << 20
"""Bytes of one answer."""
ALONE_S = 5.0
"""For one text, by the clock: a reader that hangs. One that only computes ends itself much earlier."""
GRACE_S = 0.2
MOST_READERS = 4
_SMALL = 40
"""Files for which one process is enough."""

Source = tuple[str, str]
"""Language and text."""
Found = tuple[str, str]
"""Definitions and words, as `Facts` holds them."""


class ReaderDied(Exception):
    """The process that reads died, hung, or answered what can't be an answer."""


class NoReader(Exception):
    """No process that reads can be had here."""


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
            async with _reader(languages) as reader:
                while batch := batch or next(queue, []):
                    await _read(reader, batch, sources, found)
            return
        except NoReader:
            return
        except ReaderDied:
            found[batch.pop(0)] = ("", "")


async def _read(
    reader: asyncio.subprocess.Process,
    batch: list[str],
    sources: Mapping[str, Source],
    found: dict[str, Found],
) -> None:
    """Have a batch read; what was is taken out of it, so that the first left is what the reader died of."""
    assert reader.stdin is not None
    assert reader.stdout is not None
    question = json.dumps([sources[key] for key in batch]).encode() + b"\n"
    try:
        reader.stdin.write(question)
        await reader.stdin.drain()
        while batch:
            async with asyncio.timeout(ALONE_S):
                line = await reader.stdout.readline()
            found[batch[0]] = _checked(json.loads(line))
            batch.pop(0)
    except (TimeoutError, OSError, ValueError) as error:
        raise ReaderDied from error


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


@asynccontextmanager
async def _reader(languages: Sequence[str]) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that reads, with nothing of our environment; it is dead when this is left."""
    home = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({home!r}); from coder.context import extracting as reader"
    start += "; reader.main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", start, *languages,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd="/" if sys.platform != "win32" else None, env={}, start_new_session=True, limit=MOST_ANSWERED,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if await process.stdout.readline() != b'"ready"\n':
            raise NoReader
        yield process
    finally:
        process.stdin.close()  # the end of its input ends a reader that is well
        try:
            async with asyncio.timeout(GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


def _processors() -> int:
    from coder.models.fit import processors

    return processors()
