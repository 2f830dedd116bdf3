"""Have source files read by processes of their own, which are confined, bounded and may die."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

BATCH_BYTES = 192 << 10
"""Characters of source in one question, and of what it may be answered with below."""
MOST_ANSWERED = 16 << 20
ALONE_S = 2.0
"""For one file that is tried again by itself."""
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

    What ends its reader, alone and twice, has nothing in it: it isn't tried again another day.
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
    queue: Iterable[list[str]],
    sources: Mapping[str, Source],
    languages: Sequence[str],
    found: dict[str, Found],
) -> None:
    """Take batches until there are none; a reader that dies is followed by another one."""
    again: list[list[str]] = []
    while True:
        try:
            async with _reader(languages) as reader:
                await _empty(queue, again, reader, sources, found)
            return
        except NoReader:
            return
        except ReaderDied:
            bad = again.pop(0)
            if len(bad) == 1:
                found[bad[0]] = ("", "")
            else:
                again[:0] = [[key] for key in bad]


async def _empty(
    queue: Iterable[list[str]],
    again: list[list[str]],
    reader: asyncio.subprocess.Process,
    sources: Mapping[str, Source],
    found: dict[str, Found],
) -> None:
    """Ask for one batch after the other; the one asked for stands first in `again` until it is there."""
    while True:
        if not again:
            batch = next(iter(queue), None)
            if batch is None:
                return
            again.append(batch)
        found.update(await _ask(reader, again[0], sources))
        again.pop(0)


async def _ask(
    reader: asyncio.subprocess.Process, batch: Sequence[str], sources: Mapping[str, Source]
) -> dict[str, Found]:
    assert reader.stdin is not None
    assert reader.stdout is not None
    question = json.dumps([sources[key] for key in batch]).encode() + b"\n"
    try:
        async with asyncio.timeout(ALONE_S * (1 if len(batch) == 1 else 3)):
            reader.stdin.write(question)
            await reader.stdin.drain()
            line = await reader.stdout.readline()
        answers = json.loads(line)
    except (TimeoutError, OSError, ValueError) as error:
        raise ReaderDied from error
    if not isinstance(answers, list) or len(answers) != len(batch):
        raise ReaderDied
    return {key: _checked(answer) for key, answer in zip(batch, answers, strict=True)}


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
        if len(text) > room:
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
