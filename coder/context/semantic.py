"""Ranks of texts by meaning: vectors from an embedder, cached, and their fusion with ranks by words."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from array import array
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing, suppress
from decimal import Decimal
from operator import mul
from pathlib import Path
from typing import Protocol

from coder.base.errors import MachineError, ModelError, Refused
from coder.base.fs.private_folder import facts_folder, private_folder
from coder.base.text.sanitize import one_line
from coder.base.usage import Usage
from coder.models.embedder import BATCH, Embedded, Embedder, Vector
from coder.run.event_types import TextsEmbedded

DEPTH = 50
"""Number of texts that each ranking gives to the fusion."""
_K = 60
"""Constant of the fusion, as in the paper."""
_MAX_CACHED = 200_000
"""Number of cached vectors; the oldest are removed."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors("
    "number INTEGER PRIMARY KEY, embedder TEXT, text BLOB, vector BLOB, UNIQUE(embedder, text))"
)
_MAX_ERROR = 300
_MAX_CHARACTERS = 4_000
"""Characters of a text that are embedded: only a chunk of one long line has more, which endpoints refuse."""


class Account(Protocol):
    """The run for which texts are embedded."""

    def refusal(self, tokens: int, usd: Decimal) -> str:
        """Return why the run may not spend this; empty if it may."""

    async def record(self, event: TextsEmbedded) -> None:
        """Log an event of the run."""


class Semantic:
    """Vectors of the texts of one index. After an error of the embedder, it ranks nothing any more."""

    def __init__(
        self,
        embedder: Embedder,
        clean: Callable[[str], str],
        *,
        folder: Path | None = None,
        only_cached: bool = False,
    ) -> None:
        """Take an embedder.

        Args:
            clean: returns a text without secrets, as it may leave. Raises Refused: it may not.
            folder: the folder of the cache; None: the user's.
            only_cached: a text without a cached vector turns the embedder off, as a replay sends nothing.
        """
        self._embedder, self._clean = embedder, clean
        self._folder, self._only_cached = folder, only_cached
        self._vectors: dict[int, Vector] | None = None
        self.is_off = False

    async def rank(self, query: str, texts: Callable[[], Mapping[int, str]], account: Account) -> list[int]:
        """Return the keys of the texts that mean most nearly what a query means, at most `DEPTH`.

        Texts without a cached vector are embedded first. The run pays, and its log says so by one event for a
        search; a process that is killed in the middle may leave what the last search has spent unlogged.

        Returns:
            An empty list if the embedder is off: it has failed, or the run may not spend as much.
        """
        if self.is_off:
            return []
        spent = _Spent(self._embedder, account)
        try:
            if self._vectors is None:
                self._vectors = await self._embedded(await asyncio.to_thread(texts), spent)
            vector = (await self._embedded({0: query}, spent)).get(0)
        except (ModelError, _OverBudget, _NotCached) as error:
            self.is_off, spent.error = True, one_line(str(error), width=_MAX_ERROR)
            return []
        finally:
            await spent.record()
        return await asyncio.to_thread(_nearest, self._vectors, vector) if vector is not None else []

    async def close(self) -> None:
        """Close the embedder."""
        await self._embedder.close()

    async def _embedded(self, texts: Mapping[int, str], spent: _Spent) -> dict[int, Vector]:
        """Return the vectors of texts by key; a text that may not leave has none."""
        cleaned = await self._cleaned(texts)
        digests = {key: _digest(text) for key, text in cleaned.items()}
        cache = _Cache(self._folder or facts_folder(), self._embedder.identity)
        vectors = await asyncio.to_thread(cache.read, set(digests.values()))
        missing = {digests[key]: text for key, text in cleaned.items() if digests[key] not in vectors}
        if missing and self._only_cached:
            raise _NotCached("a replay sends nothing, and the cache doesn't have each text")
        rows_left = list(missing.items())
        for start in range(0, len(rows_left), BATCH):
            rows = rows_left[start : start + BATCH]
            embedded = await spent.embed([text for _, text in rows])
            batch = dict(zip((digest for digest, _ in rows), embedded.vectors, strict=True))
            new = {digest: vector for digest, vector in batch.items() if vector is not None}
            vectors |= new
            await asyncio.to_thread(cache.write, new)
        return {key: vectors[digest] for key, digest in digests.items() if digest in vectors}

    async def _cleaned(self, texts: Mapping[int, str]) -> dict[int, str]:
        """Return the texts that may leave; guards run on the event loop, with pauses for other tasks."""
        cleaned = {}
        for number, (key, text) in enumerate(texts.items()):
            if number % BATCH == 0:
                await asyncio.sleep(0)
            with suppress(Refused):
                if safe_text := self._clean(text)[:_MAX_CHARACTERS].strip():
                    cleaned[key] = safe_text
        return cleaned


class _OverBudget(Exception):
    """The run may not spend what the next request could cost."""


class _NotCached(Exception):
    """A replay needs the vector of a text that was never embedded here."""


class _Spent:
    """What one search has spent on its embedder."""

    def __init__(self, embedder: Embedder, account: Account) -> None:
        self._embedder, self._account = embedder, account
        self._texts, self._usage = 0, Usage()
        self._cost_usd: Decimal | None = Decimal(0)
        self.error = ""

    async def embed(self, texts: Sequence[str]) -> Embedded:
        """Embed texts if the run may pay for them. Raises ModelError, _OverBudget."""
        tokens, usd = self._embedder.reserve(texts)
        all_usd = (self._cost_usd or Decimal(0)) + (usd or Decimal(0))
        if refusal := self._account.refusal(self._usage.input_tokens + tokens, all_usd):
            raise _OverBudget(refusal)
        embedded = await self._embedder.embed(texts)
        self._texts, self._usage = self._texts + len(texts), self._usage + embedded.usage
        costs = [self._cost_usd, embedded.cost_usd]
        amounts = [amount for amount in costs if amount is not None]
        self._cost_usd = sum(amounts, Decimal(0)) if len(amounts) == len(costs) else None
        return embedded

    async def record(self) -> None:
        """Log what was spent and why the embedder is turned off, if there is either."""
        if self._texts or self.error:
            name, usage, cost_usd = self._embedder.name, self._usage, self._cost_usd
            event = TextsEmbedded(
                model=name, texts=self._texts, usage=usage, cost_usd=cost_usd, error=self.error
            )
            await self._account.record(event)


def fused(*rankings: Sequence[int]) -> list[int]:
    """Return the keys of several rankings, the best first, by reciprocal rank fusion.

    Cormack, Clarke and Buettcher 2009, "Reciprocal Rank Fusion Outperforms Condorcet and Individual Rank
    Learning Methods", with k = 60. Equal scores keep the order of the first ranking.
    """
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, key in enumerate(ranking, 1):
            scores[key] = scores.get(key, 0.0) + 1 / (_K + rank)
    return sorted(scores, key=lambda key: -scores[key])


def _nearest(vectors: Mapping[int, Vector], query: Vector) -> list[int]:
    """Return the keys of the vectors with the largest cosine, at most `DEPTH`."""
    cosines = {
        key: sum(map(mul, vector, query)) for key, vector in vectors.items() if len(vector) == len(query)
    }
    return sorted(cosines, key=lambda key: (-cosines[key], key))[:DEPTH]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class _Cache:
    """SQLite file of vectors by embedder and digest of their text; without it, all are embedded again."""

    def __init__(self, folder: Path, embedder: str) -> None:
        self._path, self._embedder = folder / "vectors.sqlite", embedder

    def read(self, digests: Collection[bytes]) -> dict[bytes, Vector]:
        """Return the cached vectors of these texts; an unreadable cache is removed."""
        if not self._path.exists():
            return {}
        try:
            with closing(self._connect()) as cache:
                rows = cache.execute("SELECT text, vector FROM vectors WHERE embedder = ?", [self._embedder])
                return {digest: array("f", vector) for digest, vector in rows if digest in digests}
        except (sqlite3.Error, ValueError, TypeError, OSError):
            with suppress(OSError):
                self._path.unlink()
            return {}

    def write(self, vectors: Mapping[bytes, Vector]) -> None:
        """Add vectors if possible, and remove the oldest above the limit."""
        rows = [(self._embedder, digest, vector.tobytes()) for digest, vector in vectors.items()]
        with suppress(sqlite3.Error, MachineError, OSError):
            private_folder(self._path.parent)
            with closing(self._connect()) as cache, cache:
                cache.execute(_TABLE)
                cache.executemany(
                    "INSERT OR IGNORE INTO vectors(embedder, text, vector) VALUES (?, ?, ?)", rows
                )
                cache.execute(
                    "DELETE FROM vectors WHERE number <= (SELECT max(number) FROM vectors) - ?", [_MAX_CACHED]
                )

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=10)
