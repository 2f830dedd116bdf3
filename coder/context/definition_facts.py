"""Facts: the definitions and names in a source file, read once per content and then cached."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from coder.base.errors import MachineError
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import private_folder
from coder.source.languages import language_of
from sandbox.interpreter.interpreter import library_variables

MAX_CHARACTERS = 256 << 10
"""Maximum size of a file; a larger one is generated code or data."""
_MAX_DIGITS = 9
VERSION = "7"
"""Version of the extraction, part of each cache key."""


Source = tuple[str, str]
"""Language and text of a file."""
Found = tuple[str, str]
"""Definitions and words, in the format of `DefinitionFacts`."""


@dataclass(frozen=True, slots=True)
class DefinitionFacts:
    """Names that one file defines and uses, separated by blanks as in the cache."""

    defined: str = ""
    """`name:line`, in order of lines."""
    words: str = ""

    def definitions(self) -> Iterator[tuple[str, int]]:
        """Yield each defined name with its line, from 1; damaged cache entries are skipped."""
        for pair in self.defined.split():
            name, _, line = pair.partition(":")
            if line.isdecimal() and len(line) < _MAX_DIGITS:
                yield name, int(line)


async def facts_of(
    texts: Mapping[str, str], *, cache: Path | None, deadline_s: float = 20.0
) -> dict[str, DefinitionFacts]:
    """Return the facts of every file in a known language, as far as time allows.

    Args:
        texts: text of each file by path.
        cache: folder of the cache; None: no cache.
    """
    sources = {
        path: (language, text)
        for path, text in texts.items()
        if (language := language_of(path)) is not None and len(text) <= MAX_CHARACTERS
    }
    keys = {path: _key(*source) for path, source in sources.items()}
    rows = cached_facts(cache)
    missing = {key: sources[path] for path, key in keys.items() if key not in rows}
    if missing:
        rows |= await extract(missing, deadline_s=deadline_s)
        _keep_facts(cache, rows, needed=keys.values())
    return {path: DefinitionFacts(*rows[key]) for path, key in keys.items() if key in rows}


def _key(language: str, text: str) -> str:
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(f"{VERSION} {language}\n".encode() + content).hexdigest()


_MAX_READ, _MAX_UNNEEDED = 128 << 20, 16 << 20
"""Maximum bytes of a cache to read, and of a cache with facts that the last call didn't need."""
_FILE = "facts.json"


def cached_facts(folder: Path | None) -> dict[str, Found]:
    """Return cached facts by key; empty if the cache is missing or damaged."""
    try:
        path = folder / _FILE if folder is not None else None
        cached = json.loads(path.read_bytes()) if path and path.stat().st_size <= _MAX_READ else None
    except (OSError, ValueError, RecursionError):
        return {}
    rows = {}
    for key, row in cached.items() if isinstance(cached, dict) else ():
        match row:
            case [str(defined), str(words)]:
                rows[key] = defined, words
    return rows


def _keep_facts(folder: Path | None, facts: Mapping[str, Found], *, needed: Collection[str]) -> None:
    """Write these facts to the cache if possible; only the needed ones if they are too many."""
    if folder is not None:
        text = json.dumps(facts)
        if len(text) > _MAX_UNNEEDED:  # because every survey reads the whole cache
            text = json.dumps({key: facts[key] for key in needed if key in facts})
        with suppress(MachineError, OSError), replacing(private_folder(folder) / _FILE) as file:
            file.write(text.encode())


MAX_READERS = 4
_FEW_FILES = 40
"""One process is enough for this many files."""


async def extract(sources: Mapping[str, Source], *, deadline_s: float) -> dict[str, Found]:
    """Extract the facts of each source by key, until the deadline.

    A source that crashes its reader gets empty facts and isn't read again.
    """
    rows: dict[str, Found] = {}
    readers = 1
    if len(sources) > _FEW_FILES:
        from coder.models.local import processors

        readers = min(MAX_READERS, processors())
    queue = iter(sources)
    with suppress(TimeoutError):
        async with asyncio.timeout(deadline_s), asyncio.TaskGroup() as group:
            for _ in range(readers):
                group.create_task(_work(queue, sources, rows))
    return rows


async def _work(queue: Iterator[str], sources: Mapping[str, Source], rows: dict[str, Found]) -> None:
    """Extract facts from all sources in the queue, with a new reader after each crash."""
    languages = sorted({language for language, _ in sources.values()})
    key = next(queue, None)
    while key is not None:
        async with _open_reader(languages) as reader:
            if reader is None:
                return  # no reader can be started
            is_alive = True
            while key is not None and is_alive:
                answer = await _read(reader, sources[key])
                is_alive, rows[key] = answer is not None, answer or ("", "")
                key = next(queue, None)


Definers = Mapping[str, Mapping[str, int]]
"""For each name, the files that define it, sorted, with the first line that does (from 1)."""


def definers_of(facts: Mapping[str, DefinitionFacts]) -> Definers:
    """Return for each name the files that define it, with the line."""
    definers: dict[str, dict[str, int]] = {}
    for path in sorted(facts):
        for name, line in facts[path].definitions():
            definers.setdefault(name, {}).setdefault(path, line)
    return definers


TEXT_TIMEOUT_S = 20.0
"""Wall time limit for one text, if a reader hangs; a computing reader reaches its CPU limit earlier."""
MAX_ANSWER = 2 << 20
"""Maximum bytes of one answer."""
_GRACE_S = 0.2


@dataclass(frozen=True, slots=True)
class _Reader:
    """A process that reads one source after the other."""

    questions: asyncio.StreamWriter
    answers: asyncio.StreamReader


async def _read(reader: _Reader, source: Source) -> Found | None:
    """Return the facts of one source; None if the reader died, hung or gave an invalid answer.

    A hostile text may have taken over the reader, so only names and line numbers are accepted.
    """
    with suppress(TimeoutError, OSError, ValueError, RecursionError):
        async with asyncio.timeout(TEXT_TIMEOUT_S):
            reader.questions.write(json.dumps(source).encode() + b"\n")
            await reader.questions.drain()
            answer = json.loads(await reader.answers.readline())
        match answer:
            case [str(defined), str(words)] if all(map(_is_definition, defined.split())):
                return defined, words
    return None


def _is_definition(pair: str) -> bool:
    name, _, line = pair.rpartition(":")
    return bool(name) and line.isascii() and line.isdigit() and len(line) < _MAX_DIGITS


@asynccontextmanager
async def _open_reader(languages: Sequence[str]) -> AsyncIterator[_Reader | None]:
    """Start a process for these languages with an empty environment; yield None if it didn't get ready."""
    package_folder = str(Path(__file__).parents[2])
    program = f"import sys; sys.path.append({package_folder!r}); "
    program += "from coder.context.extracting import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", program, *languages,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd="/" if sys.platform != "win32" else None, env=library_variables(), start_new_session=True,
        limit=MAX_ANSWER,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        is_ready = await process.stdout.readline() == b'"ready"\n'
        yield _Reader(process.stdin, process.stdout) if is_ready else None
    finally:
        process.stdin.close()  # a healthy reader ends with its input
        try:
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
