"""Open and check the event log's database file, and explain its faults.

A durable commit (`synchronous=FULL`) is on the disk before it returns, with all commits before it. Any other
(`NORMAL`) survives the process; a power cut loses the newest of those, in order. Measured: 0.17 and 0.01 ms.
"""

import contextlib
import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coder.base.errors import CoderError, LogDamaged, LogNewer, MachineError
from coder.base.fs.atomic_replace import sync_folder_at
from coder.base.fs.private_folder import private_folder, unwritable

SCHEMA = 1
"""Version of the tables, in the file's user_version."""

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

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_NO_ROOM = (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL)
_MACHINE = (
    sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_NOMEM,
)  # fmt: skip


class Database:
    """One connection, used by one caller at a time.

    Raises:
        LogNewer: a newer version of this product wrote it.
        LogDamaged: it isn't a database, or not a whole one; it is left as it is.
        MachineError: it can't be made, opened or written.
    """

    def __init__(self, folder: Path) -> None:
        self.path = private_folder(folder) / "events.sqlite"
        self._lock = threading.RLock()
        with self._explained():
            if not os.path.lexists(self.path):
                _make(self.path)
            if not self.path.is_file():  # SQLite would make the file that a dangling link names
                raise MachineError(
                    f"{self.path} is no file, or a link to none, and can't hold the event log. "
                    f"Remove it, or set CODER_HOME to another folder."
                )
            self._connection = self._connected()
        self._waits: bool | None = None
        try:
            self._check_version()
        except CoderError as error:
            self._connection.close()
            if getattr(error.__cause__, "sqlite_errorcode", 0) & 0xFF not in _NO_ROOM:
                raise
            self._open_alone()

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=10, isolation_level=None, check_same_thread=False)

    def _open_alone(self) -> None:
        """Open the file for reading on a disk too full for the shared index."""
        with self._explained():
            self._connection = self._connected()
            self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # its index is in memory
        try:
            self._check_version()
        except CoderError:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file, once no other thread reads or writes it. Idempotent."""
        with self._lock:  # SQLite crashes where a statement of a cancelled task's thread is under way
            self._connection.close()

    @contextmanager
    def transaction(self, *, durable: bool) -> Iterator[sqlite3.Connection]:
        """Commit the block, or roll back if it raises; `durable` syncs the disk."""
        with self._lock, self._explained():
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
        """Read from one state of the file, whatever others write meanwhile."""
        with self._lock, self._explained():
            self._connection.execute("BEGIN")
            try:
                yield self._connection
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def damaged(self, what: str) -> LogDamaged:
        """Error for unreadable content."""
        folder = self.path.parent
        return LogDamaged(
            f"The event log {self.path} is damaged: {what}. Nothing in it was changed. "
            f"Move it aside to start a new one: mv {folder} {folder}.damaged"
        )

    def _wait_for_disk(self, waits: bool) -> None:
        if waits != self._waits:
            # Not `execute`: it keeps statements, and one that was compiled before would change nothing.
            self._connection.executescript(f"PRAGMA synchronous={'FULL' if waits else 'NORMAL'}")
            self._waits = waits

    def _check_version(self) -> None:
        with self._explained():
            (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA:
            raise LogNewer(
                f"The event log {self.path} was written by a newer version (format {version}; this version "
                f"knows {SCHEMA}). Update coder, or set CODER_HOME to another folder."
            )
        if version < 1:
            raise self.damaged("it is empty, or not an event log of coder")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.ProgrammingError:
            raise  # a fault in this program, not in the file
        except sqlite3.DatabaseError as error:
            # The low byte is the kind, the rest the detail; none where the text isn't UTF-8.
            kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_CORRUPT) & 0xFF
            if kind in _BUSY:
                raise MachineError(f"The event log {self.path} was busy for 10 s. Try again.") from error
            if kind in _MACHINE:
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
            connection.execute("PRAGMA synchronous=OFF")  # one fsync of the whole is enough, below
            connection.executescript(f"BEGIN; {_TABLES} PRAGMA user_version={SCHEMA}; COMMIT;")
            # Not before the tables: on a full disk, closing a WAL loses what is in it without a word.
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()
        os.fsync(descriptor)
        with contextlib.suppress(FileExistsError):  # another process was first
            os.link(temporary, path)
        sync_folder_at(path.parent)
    finally:
        os.close(descriptor)
        for ending in ("", "-wal", "-shm"):
            Path(f"{temporary}{ending}").unlink(missing_ok=True)
