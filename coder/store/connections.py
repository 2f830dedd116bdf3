"""Connections to a Postgres event log; one thread at a time uses each."""

import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Timer
from typing import Any, LiteralString

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from coder.base.errors import LogDamaged, LogNewer, MachineError, UsageError
from coder.base.text.redact import Redactor

SCHEMA = 1
"""Version of the tables, in coder.format."""
RETRY_S = 15.0
"""How long a statement may take, and is made again while its server is away."""
_AWAY_S = 1.0
"""The same after one that failed by it: what saves and cleans up at the end doesn't wait as long again."""
_PAUSE_S = 0.05
_PASSES = ("08", "40", "57P", "53300")
"""SQLSTATEs that pass: a broken connection, a deadlock, a shutdown, too many connections."""
_KEPT = {"connect_timeout": 5, "keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 3}
_KEPT |= {"tcp_user_timeout": 5000}  # ms
_TABLES: LiteralString = """
SELECT pg_advisory_xact_lock(7221067);
CREATE SCHEMA IF NOT EXISTS coder;
CREATE TABLE IF NOT EXISTS coder.run (
    run text COLLATE "C" PRIMARY KEY, number bigint GENERATED ALWAYS AS IDENTITY,
    last integer NOT NULL DEFAULT 0, batch text, token bigint NOT NULL, claim text NOT NULL,
    owner text[] NOT NULL, expires timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS coder.stop (run text PRIMARY KEY, token bigint NOT NULL, who text NOT NULL);
CREATE TABLE IF NOT EXISTS coder.event (
    run text NOT NULL, seq integer NOT NULL, time float8 NOT NULL, type text NOT NULL,
    version integer NOT NULL, body text NOT NULL, blobs text NOT NULL, PRIMARY KEY (run, seq)
);
CREATE TABLE IF NOT EXISTS coder.blob (name text PRIMARY KEY, content bytea NOT NULL);
CREATE TABLE IF NOT EXISTS coder.format (version integer NOT NULL);
INSERT INTO coder.format SELECT 1 WHERE NOT EXISTS (SELECT FROM coder.format);
"""
Rows = list[tuple[Any, ...]]


class Connections:
    """Connections to a database; the first opening creates the tables.

    Raises:
        UsageError: it is no address.
        LogNewer, LogDamaged: the tables are of another version.
        MachineError: the server can't be reached, or refuses.
    """

    def __init__(self, url: str) -> None:
        try:
            parts = conninfo_to_dict(url)
        except psycopg.ProgrammingError:  # which quotes the address, with its password
            example = "postgresql://user:password@host/database"
            raise UsageError(f"CODER_LOG is no address of Postgres, such as {example}") from None
        self._url, self._redact = (
            make_conninfo(url, **_KEPT),
            Redactor([str(parts.get("password", ""))]).redact,
        )
        self._name = f"Postgres database {parts.get('dbname', '')} at {parts.get('host', 'this machine')}"
        self._free: list[psycopg.Connection[tuple[Any, ...]]] = []
        self._is_closed, self._wait_s = False, RETRY_S
        with self._explained(), self._one(RETRY_S) as connection:
            if connection.execute("SELECT to_regclass('coder.format')").fetchone() == (None,):
                with connection.transaction():
                    connection.execute(_TABLES)
            version = sum(row[0] for row in connection.execute("SELECT version FROM coder.format"))
        if version > SCHEMA:
            raise LogNewer(
                f"The event log in the {self._name} was written by a newer version (format {version}; this "
                f"one knows {SCHEMA}). Update coder, or set CODER_LOG to another database."
            )
        if version < SCHEMA:
            raise self.damaged(f"its format is {version}, and this version knows {SCHEMA}")

    def close(self) -> None:
        """Close all. Idempotent."""
        self._is_closed = True
        while self._free:
            self._free.pop().close()

    def rows(self, statement: LiteralString, values: Mapping[str, object], *, more_s: float = 0) -> Rows:
        """Execute one statement in a transaction and return its rows.

        Where its connection breaks nobody knows whether it was carried out: it is made again on another one,
        and has to allow for that. `more_s`: what a long one may take beyond RETRY_S. Raises MachineError: the
        server refuses, stays away or doesn't answer.
        """
        patience_s = max(self._wait_s + more_s, _AWAY_S)
        ends = time.monotonic() + patience_s

        def carry_out() -> Rows:
            with self._explained(), self._one(max(ends - time.monotonic(), _AWAY_S)) as connection:
                return connection.execute(statement, values).fetchall()

        policy = Retrying(
            retry=retry_if_exception(_is_away),
            wait=wait_fixed(_PAUSE_S),
            stop=stop_after_delay(patience_s),
            reraise=True,
        )
        try:
            rows = policy(carry_out)
        except MachineError as error:
            if _is_away(error):
                self._wait_s = _AWAY_S
            raise
        self._wait_s = RETRY_S
        return rows

    def damaged(self, what: str) -> LogDamaged:
        """Error for unreadable content."""
        return LogDamaged(f"The event log in the {self._name} is damaged: {what}. Nothing in it was changed.")

    @contextmanager
    def _one(self, within_s: float) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        """A connection, broken when the block lasts longer: a frozen server would keep it open for ever."""
        try:
            connection = self._free.pop()
        except IndexError:
            connection = psycopg.connect(self._url, autocommit=True)
        late = Timer(within_s, _break, [connection])
        late.start()
        try:
            yield connection
        finally:
            late.cancel()
            if self._is_closed or connection.closed:
                connection.close()
            else:
                self._free.append(connection)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            what = f"The event log in the {self._name} can't be used: {self._redact(str(error).strip())}"
            raise MachineError(
                f"{what}\nSee that its server runs and CODER_LOG is right, or unset it."
            ) from error


def _is_away(error: BaseException) -> bool:
    """Whether a statement failed because the server is unavailable, so that a retry can help."""
    cause = error.__cause__
    if not isinstance(error, MachineError) or not isinstance(cause, psycopg.OperationalError):
        return False
    return (cause.sqlstate or "08").startswith(_PASSES)


def _break(connection: psycopg.Connection[tuple[Any, ...]]) -> None:
    """Close a connection; a thread that waits for it gets an OperationalError."""
    with suppress(psycopg.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as end:
        end.shutdown(socket.SHUT_RDWR)
