"""Open and check the event log's database file, and translate its errors.

A durable commit (`synchronous=FULL`) is on the disk before it returns, with all earlier commits. Others
(`NORMAL`) survive the process, but a power cut may lose the newest. A durable commit takes 0.17 ms, any
other 0.01 ms.
"""

import os
import secrets
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coder.base.errors import CoderError, LogDamaged, LogNewer, MachineError
from coder.base.fs.atomic_replace import sync_folder_at
from coder.base.fs.private_folder import private_folder, unwritable

SCHEMA = 1
"""Version of the tables, stored as the file's user_version."""

_TABLES = """
CREATE TABLE run (
    run TEXT PRIMARY KEY, last INTEGER NOT NULL, token INTEGER NOT NULL, expires REAL NOT NULL,
    host TEXT NOT NULL, namespace TEXT NOT NULL, pid INTEGER NOT NULL, started TEXT NOT NULL
);
CREATE TABLE event (
    run TEXT NOT NULL, seq INTEGER NOT NULL, time REAL NOT NULL, type TEXT NOT NULL, version INTEGER NOT NULL,
    body TEXT NOT NULL, blobs TEXT NOT NULL, UNIQUE (run, seq)
);
"""

_BUSY_CODES = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_SPACE_CODES = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL)
_MACHINE_CODES = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
)  # fmt: skip


class Database:
    """One connection to the database file, used by one caller at a time.

    Raises:
        LogNewer: a newer version of coder wrote the file.
        LogDamaged: the file isn't a complete database; it is left unchanged.
        MachineError: the file can't be created, opened or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = private_folder(folder) / "events.sqlite"
        self._lock = threading.RLock()
        with self._translate_errors():
            if not os.path.lexists(self.path):
                _make(self.path)
            if not self.path.is_file():  # SQLite would create the target of a dangling link
                raise MachineError(
                    f"{self.path} is no file, or a link to none, and can't hold the event log. "
                    f"Remove it, or set CODER_HOME to another folder."
                )
            self._connection = self._connect()
        self._waits: bool | None = None
        try:
            self._check_version()
        except CoderError as error:
            self._connection.close()
            if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF not in _NO_SPACE_CODES:
                raise
            self._open_alone()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)

    def _open_alone(self) -> None:
        """Open the file for reading by this process only: a full disk can't store SQLite's -shm file."""
        with self._translate_errors():
            self._connection = self._connect()
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # keeps the index in memory
        try:
            self._check_version()
        except CoderError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file when no other thread uses it. Idempotent."""
        with self._lock:  # SQLite crashes if the thread of a cancelled task executes a statement
            self._connection.close()

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Commit at the context's end, or roll back if the body raises; with `durable`, sync the disk."""
        with self._lock, self._translate_errors():
            self._wait_for_disk(durable)
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read a consistent state of the file within the context, regardless of concurrent writes."""
        with self._lock, self._translate_errors():
            if self._connection.in_transaction:  # of the same thread, within its transaction
                yield self._connection
                return
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def identity(self) -> str:
        """Return the id of this log, created on first use."""
        query = "SELECT id FROM identity"
        with suppress(sqlite3.OperationalError), self._lock:  # there is no such table yet
            for (identity,) in self._connection.execute(query):
                return str(identity)
        with self.transaction(durable=True) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS identity (id TEXT NOT NULL)")
            new_id = f"log-{secrets.token_hex(8)}"
            connection.execute(
                "INSERT INTO identity SELECT ? WHERE NOT EXISTS (SELECT 1 FROM identity)", (new_id,)
            )
            return str(connection.execute(query).fetchone()[0])

    def damaged(self, what: str) -> LogDamaged:
        """Return the error for unreadable content."""
        folder = self.path.parent
        return LogDamaged(
            f"The event log {self.path} is damaged: {what}. Nothing in it was changed. "
            f"Move it aside to start a new one: mv {folder} {folder}.damaged"
        )

    def _wait_for_disk(self, waits: bool) -> None:
        if waits != self._waits:
            # Not `execute`, which caches compiled statements: a cached one would have no effect.
            self._connection.executescript(f"PRAGMA synchronous={'FULL' if waits else 'NORMAL'}")
            self._waits = waits

    def _check_version(self) -> None:
        with self._translate_errors():
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise LogNewer(
                f"The event log {self.path} was written by a newer version (format {version}; this version "
                f"knows {SCHEMA}). Update coder, or set CODER_HOME to another folder."
            )
        if version < 1:
            raise self.damaged("it is empty, or not an event log of coder")

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # an error in this program, not in the file
        except sqlite3.DatabaseError as error:
            # The low byte is the kind of error; there is no code if the text isn't UTF-8.
            kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if kind in _BUSY_CODES:
                raise MachineError(f"The event log {self.path} was busy for 10 s. Try again.") from error
            if kind in _MACHINE_CODES:
                raise unwritable(self.path, str(error)) from error
            raise self.damaged(str(error)) from error
        except OSError as error:
            raise unwritable(self.path, error.strerror or str(error)) from error


def _make(path: Path) -> None:
    """Create the file under another name and link it, so that no process opens an unfinished log."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".events-")
    try:
        connection = sqlite3.connect(temporary, isolation_level=None)
        try:
            connection.execute("PRAGMA synchronous=OFF")  # one fsync at the end is enough
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
            # Only after the tables: on a full disk, closing a WAL silently loses its content.
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        os.fsync(descriptor)
        with suppress(FileExistsError):  # another process was first
            os.link(temporary, path)
        sync_folder_at(path.parent)
    finally:
        os.close(descriptor)
        for ending in ("", "-wal", "-shm"):
            Path(f"{temporary}{ending}").unlink(missing_ok=True)
