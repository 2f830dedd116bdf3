"""The event log in a Postgres database, for processes on several machines (`CODER_LOG=postgresql://…`).

Each append is one statement, and on the server's disk when it returns. Threads wait for the server, not the
event loop. Leases and times use the server's clock. A statement whose connection broke is executed again; the
ids `batch` (of the last append) and `claim` (of the lease) show whether it was executed before.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import astuple
from functools import partial
from typing import Any, LiteralString

from coder.base.errors import LeaseHeld, LogDamaged, MachineError, own_command
from coder.base.text.usable import is_usable_name, require_usable_name
from coder.run.events import Draft, Event
from coder.store import event_codec, run_list
from coder.store.blobs import Blobs, JoinedBlobs, put_all, put_missing
from coder.store.connections import DatabaseConnections, Rows
from coder.store.in_thread import run_in_thread
from coder.store.lease import LEASE_S, LeaseOwner
from coder.store.places import open_place
from coder.store.postgres_rows import PostgresRows
from coder.store.run_list import RunSummary, unreadable
from coder.store.stored_rows import StoredRows
from coder.store.table_blobs import TableBlobs
from coder.store.table_messages import TableMessages

_APPEND = """
WITH moved AS (
    UPDATE coder.run SET last = last + %(count)s, batch = %(batch)s,
        expires = clock_timestamp() + make_interval(secs => %(lease_s)s)
    WHERE run = %(run)s AND last = %(after)s AND token = %(token)s
    RETURNING run, extract(epoch FROM clock_timestamp())::float8 AS now
), kept AS (
    INSERT INTO coder.blob SELECT * FROM unnest(%(names)s::text[], %(contents)b::bytea[])
    ON CONFLICT DO NOTHING
)
INSERT INTO coder.event
SELECT moved.run, %(after)s + new.n, moved.now, new.type, new.version, new.body, new.blobs
FROM moved, unnest(%(types)s::text[], %(versions)s::int[], %(bodies)s::text[], %(blobs)s::text[])
    WITH ORDINALITY AS new (type, version, body, blobs, n)
RETURNING time
"""
_APPENDED = """
SELECT event.time FROM coder.event JOIN coder.run USING (run)
WHERE run = %(run)s AND batch = %(batch)s AND token = %(token)s AND seq > %(after)s
"""
_READ = """
SELECT run.last, event.* FROM coder.run LEFT JOIN coder.event ON event.run = run.run AND seq > %(after)s
WHERE run.run = %(run)s ORDER BY seq LIMIT %(limit)s
"""
_IDS = """
SELECT run FROM coder.run WHERE run COLLATE "C" BETWEEN %(first)s AND %(last)s AND last > 0
    AND (position('.' IN run) = 0 OR position('.' IN %(first)s) > 0)
ORDER BY run COLLATE "C" DESC LIMIT %(limit)s
"""
_RUNS = """
SELECT newest.run, event.* FROM (
    SELECT run, number, last FROM coder.run
    WHERE last > 0 AND position('.' IN run) = 0 ORDER BY number DESC LIMIT %(limit)s
) AS newest CROSS JOIN LATERAL (VALUES (1), (newest.last)) AS ends (at)
LEFT JOIN coder.event ON event.run = newest.run AND event.seq = ends.at ORDER BY number DESC, at
"""
_TAKE_LEASE = """
INSERT INTO coder.run AS held (run, token, claim, owner, expires)
VALUES (%(run)s, 1, %(claim)s, %(owner)s, clock_timestamp() + make_interval(secs => %(lease_s)s))
ON CONFLICT (run) DO UPDATE SET token = held.token + 1, claim = excluded.claim, owner = excluded.owner,
    expires = excluded.expires
WHERE held.expires
        NOT BETWEEN clock_timestamp() AND clock_timestamp() + make_interval(secs => 2 * %(lease_s)s)
    OR held.claim = excluded.claim OR held.token = %(dead)s
RETURNING token
"""
_HOLDER = """
SELECT token, owner,
    expires BETWEEN clock_timestamp() AND clock_timestamp() + make_interval(secs => 2 * %(lease_s)s)
FROM coder.run WHERE run = %(run)s
"""
_RENEW = """
UPDATE coder.run SET expires = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE run = %(run)s AND token = %(token)s RETURNING token
"""
_FREE = "UPDATE coder.run SET expires = '-infinity' WHERE run = %(run)s AND claim = %(claim)s RETURNING run"
_REQUEST_STOP = """
INSERT INTO coder.stop SELECT run, token, %(who)s FROM coder.run WHERE run = %(run)s
ON CONFLICT (run) DO UPDATE SET token = excluded.token, who = excluded.who RETURNING run
"""
_TAKE_STOP = "DELETE FROM coder.stop WHERE run = %(run)s AND token = %(token)s RETURNING who"


class PostgresLog:
    """An EventLog in a database; it must be closed. Raises UsageError, LogNewer, LogDamaged, MachineError."""

    def __init__(self, url: str, *, blobs: str | None = None, lease_s: float = LEASE_S) -> None:
        """Open the log at an address `postgresql://user:password@host/database`.

        Args:
            blobs: address of the place for blobs; None: a table of the database.
        """
        self._server = DatabaseConnections(url)
        self._lease_s = lease_s
        self._has_own_blobs = blobs is None
        self.own_blobs: Blobs = TableBlobs(self._server)
        self.blobs: Blobs = self.own_blobs
        """Storage for the log's long contents."""
        self.rows: StoredRows = PostgresRows(self._server)
        """The log's events as they are stored."""
        self.messages = TableMessages(self._server)
        if blobs is not None:
            self.blobs = JoinedBlobs(open_place(blobs, self.identity()), self.own_blobs)

    def __enter__(self) -> "PostgresLog":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def identity(self) -> str:
        """Return the log's id, created on first use. Raises MachineError."""
        return self._server.identity()

    @asynccontextmanager
    async def lease(self, run: str) -> AsyncIterator[int]:
        """Hold a run within the context against all processes that use this database; yield the token."""
        require_usable_name(run, "The id of the run")
        values = {"run": run, "claim": uuid.uuid4().hex, "owner": [*map(str, astuple(LeaseOwner.current()))]}
        try:
            token = await run_in_thread(lambda: self._take(values))
            heartbeat = asyncio.create_task(self._renew(run, token))
            try:
                yield token
            finally:
                heartbeat.cancel()
                await asyncio.wait([heartbeat])
        finally:
            with suppress(MachineError):  # the lease also expires by itself
                await self._rows(_FREE, **values)

    async def holder(self, run: str) -> str | None:
        """Describe the living process that holds a run."""
        if not is_usable_name(run):
            return None
        for _, columns, is_held in await self._rows(_HOLDER, run=run, lease_s=self._lease_s):
            if is_held and not (holder := self._owner(run, columns)).died():
                return holder.words(run)
        return None

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        """Append events after number `after`, all or none, and return the numbered events (`EventStore`)."""
        return await run_in_thread(lambda: self._append(run, drafts, after, token))

    async def read(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return events of a run with seq > `after`, in order, at most `limit`; empty if unknown."""

        def read() -> list[Event]:
            if not is_usable_name(run):
                return []
            rows = self._server.rows(_READ, {"run": run, "after": after, "limit": limit})
            last_seq, event_rows = rows[0][0] if rows else 0, [row[1:] for row in rows if row[1] is not None]
            if not event_codec.are_complete([row[1] for row in event_rows], after, last_seq, limit):
                raise self._server.damaged(f"events of {run} are missing")
            return [self._event(row, self.blobs.get) for row in event_rows]

        return await run_in_thread(read)

    async def request_stop(self, run: str, who: str) -> None:
        """Request the holder of a run to stop it."""
        require_usable_name(run, "The id of the run")
        require_usable_name(who, "The name of who stops the run")
        await self._rows(_REQUEST_STOP, run=run, who=who)

    async def stop_requested(self, run: str, *, token: int) -> str | None:
        """Return who requested the holder of this lease to stop the run, or None."""
        rows = await self._rows(_TAKE_STOP, run=run, token=token)
        return str(rows[0][0]) if rows else None

    async def runs(self, *, limit: int | None = None) -> list[RunSummary]:
        """Return the runs that have events, newest first, at most `limit`."""

        def ends() -> list[Event]:
            return [self._try_event(row[0], row[1:]) for row in self._server.rows(_RUNS, {"limit": limit})]

        events = iter(await run_in_thread(ends))
        return [RunSummary(first.run, first, last) for first, last in zip(events, events, strict=True)]

    async def resolve(self, prefix: str) -> str:
        """Return the only run whose id starts with `prefix`."""

        def between(first: str, last: str, limit: int) -> list[str]:
            values = {"first": first, "last": last, "limit": limit}
            return [run for (run,) in self._server.rows(_IDS, values)]

        return await run_in_thread(lambda: run_list.resolve(prefix, between))

    def _append(self, run: str, drafts: Sequence[Draft], after: int, token: int) -> list[Event]:
        contents: dict[str, bytes] = {}
        encoded = event_codec.encode_events(run, drafts, contents, after=after)
        here, elsewhere = (contents, {}) if self._has_own_blobs else ({}, contents)
        names = sorted(here)  # sorted, so that two appends never deadlock
        values = {
            "run": run, "after": after, "token": token, "count": len(drafts), "lease_s": self._lease_s,
            "batch": uuid.uuid4().hex, "names": names, "contents": [here[name] for name in names],
            "types": [draft.type for draft in drafts], "versions": [draft.version for draft in drafts],
            "bodies": [body for _, body, _ in encoded], "blobs": [places for _, _, places in encoded],
        }  # fmt: skip

        put_all(self.blobs, elsewhere.values())
        check = partial(put_missing, self.blobs, elsewhere) if contents else None
        more_s = sum(map(len, here.values())) / 1e6
        rows = self._server.rows(_APPEND, values, more_s=more_s, check=check)
        rows = rows or self._server.rows(_APPENDED, values)
        if drafts and not rows:
            raise LeaseHeld(
                f"Another process has taken over {run}. See what it does with: {own_command()} show {run}"
            )
        return [event.model_copy(update={"time": rows[0][0]}) for event, _, _ in encoded]

    def _take(self, values: Mapping[str, object], dead: int = 0) -> int:
        values = {**values, "lease_s": self._lease_s}
        if rows := self._server.rows(_TAKE_LEASE, {**values, "dead": dead}):
            return int(rows[0][0])
        run = str(values["run"])
        ((token, columns, _),) = self._server.rows(_HOLDER, values)
        holder = self._owner(run, columns)
        if token != dead and holder.died():
            return self._take(values, token)
        raise LeaseHeld(holder.words(run))

    async def _renew(self, run: str, token: int) -> None:
        values, is_held = {"run": run, "token": token, "lease_s": self._lease_s}, True
        while is_held:
            await asyncio.sleep(self._lease_s / 3)
            with suppress(MachineError):  # the next append raises the same error to its caller
                # A shorter wait than elsewhere, because it is repeated and a run's end waits for it.
                is_held = bool(await run_in_thread(lambda: self._server.rows(_RENEW, values, more_s=-10)))

    async def _rows(self, statement: LiteralString, **values: object) -> Rows:
        return await run_in_thread(lambda: self._server.rows(statement, values))

    def _owner(self, run: str, columns: Sequence[object]) -> LeaseOwner:
        try:
            return LeaseOwner.read(columns)
        except ValueError as error:
            raise self._server.damaged(f"the lease of {run} can't be read") from error

    def _try_event(self, run: str, row: tuple[Any, ...]) -> Event:
        try:
            return self._event(row, self.blobs.get)
        except LogDamaged:
            return unreadable(run)

    def _event(self, row: tuple[Any, ...], blob: Callable[[str], bytes]) -> Event:
        return event_codec.event_of(row, blob, self._server.damaged)
