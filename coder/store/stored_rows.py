"""Raw events of a log, as `coder store` moves, checks and cleans them: rows, without leases and decoding."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from coder.base.errors import LogDamaged
from coder.store.database import Database

Row = tuple[Any, ...]
"""run, seq, time, type, version, body, places of blobs: the same columns in every log."""
COLUMNS = "run, seq, time, type, version, body, blobs"


class StoredRows(Protocol):
    """The rows of a log. Functions block."""

    def runs(self) -> list[str]:
        """Return the ids of all runs with events, attempts included, in the order of their creation."""

    def read(self, run: str) -> list[Row]:
        """Return the events of a run in order. Raises LogDamaged if some are missing."""

    def write(self, run: str, rows: Sequence[Row], check: Callable[[], None]) -> None:
        """Replace the events of a run, all or none, in a transaction that calls `check` first."""

    def remove(self, run: str) -> None:
        """Remove a run and its events."""

    def references(self) -> Iterator[tuple[str, int, str]]:
        """Return run, number and places of blobs of each event that has blobs."""

    def keeping_appends_out(self) -> AbstractContextManager[Callable[[], bool]]:
        """Prevent appends of events with blobs within the context; yield a check that this still works."""


class SqliteRows:
    """The rows of a SQLite log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def runs(self) -> list[str]:
        """Return the ids of all runs with events."""
        with self._database.reading() as connection:
            return [run for (run,) in connection.execute("SELECT run FROM run WHERE last > 0 ORDER BY rowid")]

    def read(self, run: str) -> list[Row]:
        """Return the events of a run in order."""
        with self._database.reading() as connection:
            last = connection.execute("SELECT max(last) FROM run WHERE run = ?", (run,)).fetchone()[0]
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM event WHERE run = ? ORDER BY seq", (run,)
            ).fetchall()
        return complete(rows, last, self._database.damaged(f"events of {run} are missing"))

    def write(self, run: str, rows: Sequence[Row], check: Callable[[], None]) -> None:
        """Replace the events of a run."""
        with self._database.transaction(durable=True) as connection:
            check()
            connection.execute("DELETE FROM event WHERE run = ?", (run,))
            connection.execute(
                "INSERT INTO run VALUES (?, ?, 0, 0.0, '', '', 1, '') "
                "ON CONFLICT (run) DO UPDATE SET last = excluded.last",
                (run, len(rows)),
            )
            connection.executemany(f"INSERT INTO event ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def remove(self, run: str) -> None:
        """Remove a run and its events."""
        with self._database.transaction(durable=True) as connection:
            connection.execute("DELETE FROM event WHERE run = ?", (run,))
            connection.execute("DELETE FROM run WHERE run = ?", (run,))

    def references(self) -> Iterator[tuple[str, int, str]]:
        """Return run, number and places of blobs of each event that has blobs."""
        with self._database.reading() as connection:
            return iter(
                connection.execute("SELECT run, seq, blobs FROM event WHERE blobs <> '[]'").fetchall()
            )

    @contextmanager
    def keeping_appends_out(self) -> Iterator[Callable[[], bool]]:
        """Hold SQLite's write lock."""
        with self._database.transaction(durable=False):
            yield lambda: True


def digest(rows: Sequence[Row]) -> str:
    """Return the SHA-256 of a run's events, equal for equal events in any log."""
    text = json.dumps([list(row) for row in rows], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def complete(rows: list[Row], last: object, damaged: LogDamaged) -> list[Row]:
    """Return the rows of a run. Raises `damaged` unless they are those from 1 to `last`."""
    if [row[1] for row in rows] != [*range(1, len(rows) + 1)] or len(rows) != (last or 0):
        raise damaged
    return rows
