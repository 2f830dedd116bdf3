"""Connections to a Postgres event log; each is used by one thread at a time."""

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Timer
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from coder.base.errors import LogDamaged, LogNewer, MachineError, UsageError
from coder.base.text.redact import Redactor

SCHEMA = 1
"""Version of the tables, in coder.format."""
RETRY_S = 15.0
"""A statement may take this long, including retries while the server is unavailable."""
_LOCKED_S = 60.0
"""Seconds after which a lock against appends is released."""
_SHORT_RETRY_S = 1.0
"""RETRY_S after a failure, so that saving and cleaning up don't wait as long again."""
OPENING_S = 5.0
"""RETRY_S of the first connection, as a server that restarts is away for a moment."""
_HOLDER_S = 2.0
"""Seconds for the question who holds a lock."""
_PAUSE_S = 0.05
_TRANSIENT_SQLSTATES = ("08", "40", "57P", "53300")
"""SQLSTATEs of passing faults: a broken connection, a deadlock, a shutdown, too many connections."""
_MISSING_SQLSTATES = ("42P01", "42703", "3F000")
"""SQLSTATEs of a table, a column and a schema that isn't there."""
_CONNECTION_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}
_CONNECTION_OPTIONS |= {"tcp_user_timeout": 5000}  # ms
_TABLES: LiteralString = """
SELECT pg_advisory_xact_lock(7221067);
CREATE SCHEMA IF NOT EXISTS coder;
CREATE TABLE IF NOT EXISTS coder.run (
    run text COLLATE "C" PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,
    last integer NOT NULL DEFAULT 0, batch text, token bigint NOT NULL, claim text NOT NULL,
    owner text[] NOT NULL, expires timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS coder.stop (run text PRIMARY KEY, token bigint NOT NULL, who text NOT NULL);
CREATE TABLE IF NOT EXISTS coder.message (
    id text PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY, run text NOT NULL,
    content bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS coder.event (
    run text NOT NULL, seq integer NOT NULL, time float8 NOT NULL, type text NOT NULL,
    version integer NOT NULL, body text NOT NULL, blobs text NOT NULL, PRIMARY KEY (run, seq)
);
CREATE TABLE IF NOT EXISTS coder.blob (name text PRIMARY KEY, content bytea NOT NULL);
CREATE TABLE IF NOT EXISTS coder.format (version integer NOT NULL);
INSERT INTO coder.format SELECT 1 WHERE NOT EXISTS (SELECT FROM coder.format);
"""
_KEEP_BLOBS: LiteralString = "SELECT pg_advisory_xact_lock_shared(7221068)"
_IDENTITY: LiteralString = """
SELECT pg_advisory_xact_lock(7221067);
CREATE TABLE IF NOT EXISTS coder.identity (id text NOT NULL);
INSERT INTO coder.identity SELECT 'log-' || substr(md5(random()::text || clock_timestamp()::text), 1, 16)
WHERE NOT EXISTS (SELECT FROM coder.identity);
"""
_HOLDERS: LiteralString = """
SELECT format('process %%s (%%s, %%s)', pid, usename, coalesce(nullif(application_name, ''), backend_type))
FROM pg_stat_activity WHERE pid = ANY(pg_blocking_pids(%s))
"""
Rows = list[tuple[Any, ...]]


class DatabaseConnections:
    """Connections to a database; the first one creates the tables.

    Raises:
        UsageError: the address is invalid.
        LogNewer, LogDamaged: the tables have another version.
        MachineError: the server can't be reached, or refuses the connection.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except (
            psycopg.ProgrammingError,
            UnicodeEncodeError,
        ):  # it quotes the password
            example = "postgresql://user:password@host/database"
            raise UsageError(
                f"CODER_LOG (log of [store]) is no address of Postgres, such as {example}"
            ) from None
        self._url, self._redact = (
            make_conninfo(url, **_CONNECTION_OPTIONS),
            Redactor([str(parts.get("password", ""))]).redact,
        )
        self._name = f"Postgres database {parts.get('dbname', '')} at {parts.get('host', 'this machine')}"
        self._free: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._is_closed, self._wait_s = False, RETRY_S
        version = _retrying(_may_come_back, OPENING_S)(self._open)
        if version > SCHEMA:
            raise LogNewer(
                f"The event log in the {self._name} was written by a newer version (format {version}; this "
                f"one knows {SCHEMA}). Update coder, or set CODER_LOG to another database."
            )
        if version < SCHEMA:
            raise self.damaged(f"its format is {version}, and this version knows {SCHEMA}")

    def _open(self) -> int:
        """Return the version of the tables, which are created if there are none."""
        with self._translate_errors(), self._connection(RETRY_S) as connection:
            # Databases of earlier versions lack the newest table.
            if connection.execute("SELECT to_regclass('coder.message')").fetchone() == (None,):
                with connection.transaction():
                    connection.execute(_TABLES)
            return sum(row[0] for row in connection.execute("SELECT version FROM coder.format"))

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self._is_closed = True
        while self._free:
            self._free.pop().close()

    def rows(
        self,
        statement: LiteralString,
        values: Mapping[str, object],
        *,
        more_s: float = 0,
        check: Callable[[], None] | None = None,
    ) -> Rows:
        """Execute one statement in a transaction and return its rows.

        If the connection breaks, the statement may or may not have been executed. It is executed again on
        another connection, so it must be repeatable.

        Args:
            more_s: added to RETRY_S for a long statement.
            check: called in the transaction before the statement, while no blobs can be removed; its
                exceptions propagate.

        Raises:
            MachineError: the server refuses, is unavailable or doesn't answer.
        """
        time_limit_s = max(self._wait_s + more_s, _SHORT_RETRY_S)
        deadline = time.monotonic() + time_limit_s

        def carry_out() -> Rows:
            with (
                self._translate_errors(),
                self._connection(max(deadline - time.monotonic(), _SHORT_RETRY_S)) as connection,
            ):
                if check is None:
                    return connection.execute(statement, values).fetchall()
                with connection.transaction():
                    connection.execute(_KEEP_BLOBS)
                    check()
                    return connection.execute(statement, values).fetchall()

        try:
            rows = _retrying(_is_away, time_limit_s)(carry_out)
        except MachineError as error:
            if _is_away(error):
                self._wait_s = _SHORT_RETRY_S
            raise
        self._wait_s = RETRY_S
        return rows

    @contextmanager
    def keeping_appends_out(self) -> Iterator[Callable[[], bool]]:
        """Prevent appends of events with blobs within the context; yield a check that this still works.

        Raises:
            MachineError: the server can't be reached, or the context takes longer than a minute.
        """
        with self._translate_errors(), self._connection(_LOCKED_S) as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(7221068)")
            yield partial(_answers, connection)

    def identity(self) -> str:
        """Return the id of this log, created on first use. Raises MachineError."""
        with self._translate_errors(), self._connection(RETRY_S) as connection:
            if connection.execute("SELECT to_regclass('coder.identity')").fetchone() == (None,):
                with connection.transaction():
                    connection.execute(_IDENTITY)
            return str(self.rows("SELECT id FROM coder.identity", {})[0][0])

    def damaged(self, what: str) -> LogDamaged:
        """Return the error for unreadable content."""
        return LogDamaged(f"The event log in the {self._name} is damaged: {what}. Nothing in it was changed.")

    @contextmanager
    def _connection(self, within_s: float) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """Yield a connection, and break it after `within_s`, because a frozen server would block forever."""
        try:
            connection = self._free.pop()
        except IndexError:
            connection = psycopg.connect(self._url, autocommit=True)
        process, is_late = connection.info.backend_pid, Event()
        timer = Timer(within_s, _break, [connection, is_late])
        timer.start()
        try:
            yield connection
        except psycopg.OperationalError as error:
            if is_late.is_set() and (holders := self._holders(process)):
                raise MachineError(
                    f"The event log in the {self._name} can't be used: it waits for a lock of {holders}.\n"
                    "See that the transaction there ends."
                ) from error
            raise
        finally:
            timer.cancel()
            if self._is_closed or connection.closed:
                connection.close()
            else:
                self._free.append(connection)

    def _holders(self, process: int) -> str:
        """Return the processes that hold a lock which a server's process waits for; "" if none is known."""
        with suppress(psycopg.Error), psycopg.connect(self._url, autocommit=True) as connection:
            timer = Timer(_HOLDER_S, _break, [connection, Event()])
            timer.start()
            try:
                return ", ".join(row[0] for row in connection.execute(_HOLDERS, [process]))
            finally:
                timer.cancel()
        return ""

    @contextmanager
    def _translate_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            if error.sqlstate in _MISSING_SQLSTATES:
                raise self.damaged(f"{error.diag.message_primary}") from error
            problem = f"The event log in the {self._name} can't be used: {self._redact(str(error).strip())}"
            raise MachineError(
                f"{problem}\nSee that its server runs and CODER_LOG is right, or unset it."
            ) from error


def _retrying(is_passing: Callable[[BaseException], bool], within_s: float) -> Retrying:
    return Retrying(
        retry=retry_if_exception(is_passing),
        wait=wait_fixed(_PAUSE_S),
        stop=stop_after_delay(within_s),
        reraise=True,
    )


def _may_come_back(error: BaseException) -> bool:
    """Whether a first connection failed for what may pass: not once the server has asked for a password."""
    connection = getattr(error.__cause__, "pgconn", None)
    return _is_away(error) and not (connection is not None and connection.used_password)


def _is_away(error: BaseException) -> bool:
    """Whether a statement failed because the server is unavailable, so that a retry can help."""
    cause = error.__cause__
    if not isinstance(error, MachineError) or not isinstance(cause, psycopg.OperationalError):
        return False
    return (cause.sqlstate or "08").startswith(_TRANSIENT_SQLSTATES)


def _answers(connection: psycopg.Connection[tuple[Any, ...]]) -> bool:
    """Whether the server still has a connection and its locks, which only a query can show."""
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True


def _break(connection: psycopg.Connection[tuple[Any, ...]], is_late: Event) -> None:
    """Close a connection; a thread that waits for it gets an OperationalError."""
    is_late.set()
    with (
        suppress(psycopg.Error, OSError),
        socket.socket(fileno=os.dup(connection.fileno())) as connection_socket,
    ):
        connection_socket.shutdown(socket.SHUT_RDWR)
