"""Facts: the definitions and names of a source file; read once for each content, then cached."""

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

MOST_BYTES = 256 << 10
"""Of one file; a larger one is generated, or data."""
_LONGEST_NUMBER = 9
VERSION = "7"
"""Of what is extracted: another number makes every cached fact one of another key."""


Source = tuple[str, str]
"""Language and text."""
Found = tuple[str, str]
"""Definitions and words, as `DefinitionFacts` holds them."""


@dataclass(frozen=True, slots=True)
class DefinitionFacts:
    """Names that one file defines and uses, separated by blanks as in the cache."""

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
) -> dict[str, DefinitionFacts]:
    """Read the facts of every file in a known language, as far as time allows.

    Args:
        texts: text of each file by path.
        cache: folder of the cache; None keeps nothing.
    """
    sources = {
        path: (language, text)
        for path, text in texts.items()
        if (language := language_of(path)) is not None and len(text) <= MOST_BYTES
    }
    keys = {path: _key(*source) for path, source in sources.items()}
    rows = cached_facts(cache)
    missing = {key: sources[path] for path, key in keys.items() if key not in rows}
    if missing:
        rows |= await extracted(missing, deadline_s=deadline_s)
        _keep_facts(cache, rows, needed=keys.values())
    return {path: DefinitionFacts(*rows[key]) for path, key in keys.items() if key in rows}


def _key(language: str, text: str) -> str:
    content = text.encode("utf-8", "surrogatepass")
    return hashlib.sha256(f"{VERSION} {language}\n".encode() + content).hexdigest()


_MOST_READ, _MOST_KEPT = 128 << 20, 16 << 20
"""Bytes of a cache that is read, and of one that holds facts that weren't asked for last."""
_FILE = "facts.json"


def cached_facts(folder: Path | None) -> dict[str, Found]:
    """Read cached facts by key; an unreadable or damaged cache has none."""
    try:
        path = folder / _FILE if folder is not None else None
        kept = json.loads(path.read_bytes()) if path and path.stat().st_size <= _MOST_READ else None
    except (OSError, ValueError, RecursionError):
        return {}
    rows = {}
    for key, row in kept.items() if isinstance(kept, dict) else ():
        match row:
            case [str(defined), str(words)]:
                rows[key] = defined, words
    return rows


def _keep_facts(folder: Path | None, facts: Mapping[str, Found], *, needed: Collection[str]) -> None:
    """Write these facts to the cache if possible; only the needed ones if they are too many."""
    if folder is not None:
        text = json.dumps(facts)
        if len(text) > _MOST_KEPT:  # every survey reads all of it
            text = json.dumps({key: facts[key] for key in needed if key in facts})
        with suppress(MachineError, OSError), replacing(private_folder(folder) / _FILE) as file:
            file.write(text.encode())


MOST_READERS = 4
_SMALL = 40
"""Files for which one process is enough."""


async def extracted(sources: Mapping[str, Source], *, deadline_s: float) -> dict[str, Found]:
    """Read the facts of each source by its key until the deadline.

    A source that crashes its reader gets empty facts and isn't read again.
    """
    rows: dict[str, Found] = {}
    readers = 1
    if len(sources) > _SMALL:
        from coder.models.local import processors

        readers = min(MOST_READERS, processors())
    queue = iter(sources)
    with suppress(TimeoutError):
        async with asyncio.timeout(deadline_s), asyncio.TaskGroup() as group:
            for _ in range(readers):
                group.create_task(_work(queue, sources, rows))
    return rows


async def _work(queue: Iterator[str], sources: Mapping[str, Source], rows: dict[str, Found]) -> None:
    """Have all sources read; replace a reader that crashes."""
    languages = sorted({language for language, _ in sources.values()})
    key = next(queue, None)
    while key is not None:
        async with _open_reader(languages) as reader:
            if reader is None:
                return  # none can be started here
            is_alive = True
            while key is not None and is_alive:
                answer = await _read(reader, sources[key])
                is_alive, rows[key] = answer is not None, answer or ("", "")
                key = next(queue, None)


Definers = Mapping[str, Mapping[str, int]]
"""For each name the files that define it, sorted, each with the first line that does; lines begin at 1."""


def definers_of(facts: Mapping[str, DefinitionFacts]) -> Definers:
    """For each name, the files that define it, with the line."""
    definers: dict[str, dict[str, int]] = {}
    for path in sorted(facts):
        for name, line in facts[path].definitions():
            definers.setdefault(name, {}).setdefault(path, line)
    return definers


ALONE_S = 20.0
"""Wall time for one text, for a reader that hangs; one that computes is ended by CPU time, much earlier."""
MOST_ANSWERED = 2 << 20
"""Bytes of one answer."""
_GRACE_S = 0.2


@dataclass(frozen=True, slots=True)
class _Reader:
    """A process that reads one source after the other."""

    questions: asyncio.StreamWriter
    answers: asyncio.StreamReader


async def _read(reader: _Reader, source: Source) -> Found | None:
    """The facts of one source; None: the reader died, hung, or says what no reader says.

    A hostile text may have taken it over: it can send nothing else than names and numbers of lines.
    """
    with suppress(TimeoutError, OSError, ValueError, RecursionError):
        async with asyncio.timeout(ALONE_S):
            reader.questions.write(json.dumps(source).encode() + b"\n")
            await reader.questions.drain()
            answer = json.loads(await reader.answers.readline())
        match answer:
            case [str(defined), str(words)] if all(map(_is_definition, defined.split())):
                return defined, words
    return None


def _is_definition(pair: str) -> bool:
    name, _, line = pair.rpartition(":")
    return bool(name) and line.isascii() and line.isdigit() and len(line) < _LONGEST_NUMBER


@asynccontextmanager
async def _open_reader(languages: Sequence[str]) -> AsyncIterator[_Reader | None]:
    """Start a process for these languages, without our environment; None: it didn't get ready."""
    home = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({home!r}); "
    start += "from coder.context.extracting import main; main(sys.argv[1:])"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-I", "-c", start, *languages,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        cwd="/" if sys.platform != "win32" else None, env={}, start_new_session=True, limit=MOST_ANSWERED,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        is_ready = await process.stdout.readline() == b'"ready"\n'
        yield _Reader(process.stdin, process.stdout) if is_ready else None
    finally:
        process.stdin.close()  # the end of its input ends a reader that is well
        try:
            async with asyncio.timeout(_GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
