"""Documents that the user names for a run, in an index that is searched by words (SQLite FTS5, BM25).

With an embedder, ranks by words and by meaning are fused (see semantic.py).
"""

import asyncio
import os
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import UsageError
from coder.base.text.guards import Guards
from coder.base.text.redact import Redactor
from coder.context.definition_facts import DefinitionFacts, facts_of
from coder.context.document_chunks import (
    Chunk,
    chunks_by_definition,
    chunks_by_heading,
    chunks_by_paragraph,
)
from coder.context.secrecy import is_secret
from coder.run.settings import Settings
from coder.source.languages import language_of

if TYPE_CHECKING:
    from coder.context.semantic import Account, Semantic

MAX_FILES, MAX_BYTES = 20_000, 64 << 20
"""Limits of all documents together."""
_MAX_FILE = 1 << 20
"""A larger file is data, and left out."""
_MARKUP = (".md", ".markdown", ".rst", ".mdx")
_WORD = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
"""Part of an identifier such as `parseHTTPHeader`."""
_TABLE = (
    "CREATE VIRTUAL TABLE chunks USING fts5("
    "path UNINDEXED, line UNINDEXED, title, text, title_parts, text_parts, tokenize = 'porter unicode61')"
)
_BEST = (
    "SELECT rowid FROM chunks WHERE chunks MATCH ? "
    "ORDER BY bm25(chunks, 0.0, 0.0, 3.0, 1.0, 3.0, 1.0), path, line LIMIT ?"
)
"""Words of a title count three times."""
_CHUNK = "SELECT path, line, title, text FROM chunks WHERE rowid = ?"
_TEXTS = "SELECT rowid, title, text FROM chunks"


class Documents:
    """Files and folders of documents; the index is built at the first search, in memory."""

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        semantic: "Semantic | None" = None,
        denied: Callable[[str], str | None] = lambda path: None,
    ) -> None:
        """Take files and folders; without `semantic`, they are searched by words alone.

        Args:
            denied: returns the glob of the user's rule that denies reading an absolute path, or None.

        Raises UsageError if one of them doesn't exist.
        """
        for root in roots:
            if not root.exists():
                raise UsageError(f"There are no documents at {root}. Name a file or a folder: --docs PATH")
        self._roots = tuple(roots)
        self._denied = denied
        self._semantic = semantic
        self._index: sqlite3.Connection | None = None
        self._lock = asyncio.Lock()

    async def search(self, query: str, *, count: int, account: "Account | None" = None) -> list[Chunk]:
        """Return up to `count` chunks that share words with a query, or its meaning, the best first.

        Args:
            account: the run that pays for the embedder; None: search by words alone.

        Raises UsageError: the documents are too large, or can't be read.
        """
        async with self._lock:
            if self._index is None:
                self._index = await _build(self._roots, self._denied)
            index = self._index
            if self._semantic is None or account is None:
                keys = await asyncio.to_thread(_search, index, query, count)
            else:
                from coder.context.semantic import DEPTH, fused  # imported late: few runs have an embedder

                by_words = await asyncio.to_thread(_search, index, query, DEPTH)
                by_meaning = await self._semantic.rank(query, lambda: _texts(index), account)
                keys = fused(by_words, by_meaning)[:count]
            return self.chunks(keys)

    def chunks(self, keys: Iterable[int]) -> list[Chunk]:
        """Return the chunks of these keys in the index; none before the first search."""
        index = self._index
        return [Chunk(*index.execute(_CHUNK, [key]).fetchone()) for key in keys] if index is not None else []

    async def close(self) -> None:
        """Forget the index, and close the embedder."""
        if self._index is not None:
            self._index.close()
        if self._semantic is not None:
            await self._semantic.close()


async def open_documents(
    settings: Settings,
    redactor: Redactor,
    guards: Guards,
    *,
    workspace: Path | None,
    denied: Callable[[str], str | None],
) -> Documents:
    """Return the documents of a run; texts go to its embedder without secrets, past the guards.

    Args:
        workspace: the run's folder, of which a link may not name documents elsewhere.
        denied: returns the glob of the user's rule that denies reading an absolute path, or None.

    Raises:
        UsageError: a document doesn't exist or lies elsewhere, or the embedder can't be used.
        ModelAuthError: the embedder's key isn't set.
    """
    if workspace is not None:
        for path in settings.docs:
            _require_no_way_out(path, workspace)
    if settings.embedder is None:
        return Documents(settings.docs, denied=denied)
    from coder.context.semantic import Semantic  # imported late: few users have an embedder
    from coder.models.embedder import WORDLLAMA, resolve_embedder

    embedder = await resolve_embedder(settings.embedder, environ=os.environ)
    is_sent = settings.embedder != WORDLLAMA

    def clean(text: str) -> str:
        return guards.check(redactor.redact(text), "request")

    only_cached = is_sent and settings.replay is not None
    return Documents(
        settings.docs, semantic=Semantic(embedder, clean, only_cached=only_cached), denied=denied
    )


def _require_no_way_out(path: Path, workspace: Path) -> None:
    """Raise UsageError if documents are named by a link in the run's folder that leads out of it."""
    parent, root = Path(os.path.abspath(path)), workspace.resolve()
    is_inside = parent.is_relative_to(os.path.abspath(workspace)) or parent.is_relative_to(root)
    if is_inside and not path.resolve().is_relative_to(root):
        raise UsageError(f"--docs {path} leads out of {workspace}: name the folder itself, {path.resolve()}.")


async def _build(roots: Sequence[Path], denied: Callable[[str], str | None]) -> sqlite3.Connection:
    texts = await asyncio.to_thread(lambda: dict(_read(roots, denied)))
    code = {path: text for path, text in texts.items() if language_of(path) is not None}
    facts = await facts_of(code, cache=None) if code else {}
    return await asyncio.to_thread(_filled, texts, facts)


def _filled(texts: Mapping[str, str], facts: Mapping[str, DefinitionFacts]) -> sqlite3.Connection:
    """Return an index of these documents."""
    index = sqlite3.connect(":memory:", check_same_thread=False)
    index.execute(_TABLE)
    for path, text in texts.items():
        rows = [
            (chunk.path, chunk.line, chunk.title, chunk.text, _parts(chunk.title), _parts(chunk.text))
            for chunk in _chunks(path, text, facts.get(path))
        ]
        index.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?, ?)", rows)
    return index


def _chunks(path: str, text: str, facts: DefinitionFacts | None) -> list[Chunk]:
    if path.endswith(_MARKUP):
        return chunks_by_heading(path, text)
    if facts is not None:
        return chunks_by_definition(path, text, list(facts.definitions()))
    return chunks_by_paragraph(path, text)


def _search(index: sqlite3.Connection, query: str, count: int) -> list[int]:
    """Return the keys of the chunks that share words with a query, the best first."""
    words = {word for text in _WORD.findall(query) for word in (text, *_PART.findall(text)) if len(word) > 1}
    if not words:
        return []
    rows = index.execute(_BEST, (" OR ".join(f'"{word}"' for word in sorted(words)), count))
    return [key for (key,) in rows.fetchall()]


def _texts(index: sqlite3.Connection) -> dict[int, str]:
    """Return the text of each chunk by its key, below its title."""
    return {key: f"{title}\n{text}".lstrip("\n") for key, title, text in index.execute(_TEXTS)}


def _parts(text: str) -> str:
    """Return the parts of the identifiers that have several, as a query may name one part."""
    split = [_PART.findall(identifier) for identifier in sorted(set(_WORD.findall(text)))]
    return " ".join(part for parts in split if len(parts) > 1 for part in parts)


def _read(roots: Sequence[Path], denied: Callable[[str], str | None]) -> Iterator[tuple[str, str]]:
    """Yield name and text of each document.

    Links aren't followed; keys, binary files, and what the user's rules deny to read are left out.

    Raises UsageError if there are too many, or they are too large or can't be read.
    """
    files, size = 0, 0
    for root in roots:
        for path in _files(root):
            name = path.relative_to(root.parent).as_posix()
            if denied(os.path.abspath(path)) is not None:
                continue
            try:
                if path.stat().st_size > _MAX_FILE:
                    continue
                content = path.read_bytes()
            except OSError as error:
                raise UsageError(f"The document {path} can't be read: {error.strerror}") from error
            files, size = files + 1, size + len(content)
            if files > MAX_FILES or size > MAX_BYTES:
                raise UsageError(
                    f"The documents are more than {MAX_FILES:,} files or {MAX_BYTES >> 20} MiB. "
                    "Name a smaller folder: --docs PATH"
                )
            if b"\0" not in content:
                yield name, content.decode("utf-8", "replace")


def _files(root: Path) -> Iterator[Path]:
    """Yield a file, or the regular files of a folder in the order of their paths, without hidden ones."""
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            if not name.startswith(".") and not is_secret(name) and path.is_file() and not path.is_symlink():
                yield path
