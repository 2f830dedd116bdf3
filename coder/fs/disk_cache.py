"""Cache of facts about files, by the hash of their content. Losing it costs only time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from coder.errors import MachineError
from coder.fs.private_folder import cache_folder, private_folder

MOST_BYTES = 256 << 20
"""A larger cache begins anew."""
_FILE = "facts.sqlite"
_BATCH = 500


def facts_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of the cache: below CODER_HOME if that is set, else the platform's cache folder."""
    home = environ.get("CODER_HOME")
    return Path(home).expanduser().absolute() / "cache" if home else cache_folder()


class FactCache:
    """Facts by key. One that can't be opened, read or written acts as an empty cache."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._database: sqlite3.Connection | None = None

    def __enter__(self) -> Self:
        if self._folder is None:
            return self
        try:
            self._database = _open(private_folder(self._folder) / _FILE)
        except (MachineError, OSError, sqlite3.Error):
            self._database = None  # without a cache all is read again
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._database is not None:
            self._database.close()

    def get(self, keys: Collection[str]) -> dict[str, tuple[str, str]]:
        """What is known of these keys."""
        found: dict[str, tuple[str, str]] = {}
        wanted = list(keys)
        if self._database is None:
            return found
        try:
            for start in range(0, len(wanted), _BATCH):
                batch = wanted[start : start + _BATCH]
                marks = ",".join("?" * len(batch))
                query = f"SELECT key, defined, words FROM facts WHERE key IN ({marks})"
                found.update(
                    (key, (defined, words))
                    for key, defined, words in self._database.execute(query, batch)
                    if isinstance(defined, str) and isinstance(words, str)  # else the file is damaged
                )
        except sqlite3.Error:
            return found
        return found

    def put(self, facts: Mapping[str, tuple[str, str]]) -> None:
        """Keep what was found."""
        if self._database is None:
            return
        rows = [(key, defined, words) for key, (defined, words) in facts.items()]
        try:
            with self._database:
                self._database.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?)", rows)
        except sqlite3.Error:
            return  # a full disk, or another process writes: next time then


def _open(path: Path) -> sqlite3.Connection:
    if path.exists() and path.stat().st_size > MOST_BYTES:
        path.unlink()
    try:
        return _prepared(path)
    except sqlite3.DatabaseError:
        path.unlink(missing_ok=True)  # damaged: everything in it can be found again
        return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=1.0)
    try:
        # Losing the last rows in a power cut is no loss, so nothing waits for the disk.
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=OFF")
        database.execute(
            "CREATE TABLE IF NOT EXISTS facts "
            "(key TEXT PRIMARY KEY, defined TEXT NOT NULL, words TEXT NOT NULL) WITHOUT ROWID"
        )
    except sqlite3.Error:
        database.close()
        raise
    return database
