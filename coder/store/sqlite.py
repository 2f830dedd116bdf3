"""The event log in one SQLite file: durable, private to its user, and intact after kill -9 at any moment.

Calls run in the event loop's thread: an append takes 0.2 ms, and a cancelled caller knows whether its events
were written. Only if blobs are in a remote place, calls run in threads.
"""

import json
import os
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from coder.base.errors import LeaseHeld, LogDamaged, own_command
from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import data_folder, private_folder, unwritable
from coder.base.text.usable import is_usable_name, require_usable_name
from coder.run.events import Draft, Event, SentMessage
from coder.store import event_codec, run_list
from coder.store.blobs import Blobs, FolderBlobs, JoinedBlobs, put_all, put_missing
from coder.store.database import Database
from coder.store.lease import LEASE_S, hold_lease, holder_of
from coder.store.run_list import RunSummary, is_attempt, unreadable

if TYPE_CHECKING:
    from coder.store.stored_rows import StoredRows

T = TypeVar("T")
_COLUMNS = "run, seq, time, type, version, body, blobs"


class SqliteLog:
    """An EventLog in `folder`/events; it must be closed. Raises LogNewer, LogDamaged, MachineError."""

    def __init__(
        self,
        folder: Path | None = None,
        *,
        blobs: str | None = None,
        clock: Callable[[], float] = time.time,
        lease_s: float = LEASE_S,
    ) -> None:
        """Open the log in a folder; None: the user's data folder.

        Args:
            blobs: address of the place for blobs; None: beside the events.
        """
        folder = folder or data_folder(os.environ)
        self._database = Database(private_folder(folder) / "events")
        self.own_blobs: Blobs = FolderBlobs(folder / "events" / "blobs")
        self.blobs: Blobs = self.own_blobs
        """Storage for the log's long contents."""
        if blobs is not None:
            from coder.store.places import open_place  # imported late: few users have a place

            self.blobs = JoinedBlobs(open_place(blobs, self.identity()), self.own_blobs)
        self._stops = folder / "events" / "stops"
        self.messages = FolderMessages(folder / "events" / "messages")
        """Messages to runs, as files."""
        self._clock = clock
        self._lease_s = lease_s

    def __enter__(self) -> "SqliteLog":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        """The database file."""
        return self._database.path

    @property
    def rows(self) -> "StoredRows":
        """The events as they are stored."""
        from coder.store.stored_rows import SqliteRows  # imported late: few commands need it

        return SqliteRows(self._database)

    def identity(self) -> str:
        """Return the log's id, created on first use."""
        return self._database.identity()

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._database.close()

    def lease(self, run: str) -> AbstractAsyncContextManager[int]:
        """Hold a run within the context against all processes that use this file; yield the token."""
        require_usable_name(run, "The id of the run")
        return hold_lease(self._database, run, lease_s=self._lease_s)

    async def holder(self, run: str) -> str | None:
        """Describe the living process that holds a run."""
        if not is_usable_name(run):
            return None
        with self._database.reading() as connection:
            _, holder = holder_of(self._database, connection, run, self._lease_s)
        return holder.words(run) if holder is not None else None

    async def append(self, run: str, drafts: Sequence[Draft], *, after: int, token: int) -> list[Event]:
        """Append events after number `after`, all or none, and return the numbered events (`EventStore`)."""
        contents: dict[str, bytes] = {}
        encoded = event_codec.encode_events(run, drafts, contents, after=after, time=self._clock())
        rows = [
            (run, event.seq, event.time, event.type, event.version, body, blobs)
            for event, body, blobs in encoded
        ]
        durable = any(draft.durable for draft in drafts)

        def insert() -> None:
            put_all(self.blobs, contents.values())
            with self._database.transaction(durable=durable) as connection:
                cursor = connection.execute(
                    "UPDATE run SET last = ?, expires = ? WHERE run = ? AND last = ? AND token = ?",
                    (after + len(rows), time.time() + self._lease_s, run, after, token),
                )
                if cursor.rowcount != 1:
                    raise LeaseHeld(
                        f"Another process has taken over {run}. "
                        f"See what it does with: {own_command()} show {run}"
                    )
                put_missing(self.blobs, contents)
                connection.executemany(f"INSERT INTO event ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

        await self._call(insert)
        return [event for event, _, _ in encoded]

    async def read(self, run: str, *, after: int = 0, limit: int | None = None) -> list[Event]:
        """Return events of a run with seq > `after`, in order, at most `limit`; empty if unknown."""
        if not is_usable_name(run):
            return []
        with self._database.reading() as connection:
            (last_seq,) = connection.execute("SELECT max(last) FROM run WHERE run = ?", (run,)).fetchone()
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM event WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
                (run, after, -1 if limit is None else limit),
            ).fetchall()
        if not event_codec.are_complete([row[1] for row in rows], after, last_seq or 0, limit):
            raise self._database.damaged(f"events of {run} are missing")
        return await self._call(lambda: [self._event(row, self.blobs.get) for row in rows])

    async def request_stop(self, run: str, who: str) -> None:
        """Request the holder of a run to stop it, by a file with the requester and the lease's token."""
        require_usable_name(run, "The id of the run")
        require_usable_name(who, "The name of who stops the run")
        with self._database.reading() as connection:
            token, _ = holder_of(self._database, connection, run, self._lease_s)
        path = private_folder(self._stops) / run
        try:
            with replacing(path) as file:
                file.write(json.dumps([token, who]).encode())
        except OSError as error:
            raise unwritable(path, error.strerror or str(error)) from error

    async def stop_requested(self, run: str, *, token: int) -> str | None:
        """Return who requested the holder of this lease to stop the run, or None."""
        try:
            requested_token, who = json.loads((self._stops / run).read_bytes())
        except (OSError, ValueError, TypeError):  # usually, there is no request
            return None
        if requested_token != token:
            return None
        with suppress(OSError):
            (self._stops / run).unlink()
        return str(who)

    async def runs(self, *, limit: int | None = None) -> list[RunSummary]:
        """Return the runs that have events, newest first, at most `limit`."""
        with self._database.reading() as connection:
            latest_runs = connection.execute(
                "SELECT run, last FROM run WHERE last > 0 AND instr(run, '.') = 0"
                " ORDER BY rowid DESC LIMIT ?",
                (-1 if limit is None else limit,),
            ).fetchall()
            select_event = f"SELECT {_COLUMNS} FROM event WHERE run = ? AND seq = ?"
            first_and_last = [
                (run, *(connection.execute(select_event, (run, seq)).fetchone() for seq in (1, last)))
                for run, last in latest_runs
            ]
        return await self._call(
            lambda: [
                RunSummary(run, self._try_event(run, first), self._try_event(run, last))
                for run, first, last in first_and_last
            ]
        )

    async def resolve(self, prefix: str) -> str:
        """Return the only run whose id starts with `prefix`."""
        return run_list.resolve(prefix, self._ids)

    def _ids(self, first: str, last: str, limit: int) -> list[str]:
        condition = "" if is_attempt(first) else "AND instr(run, '.') = 0"
        query = f"SELECT run FROM run WHERE run BETWEEN ? AND ? AND last > 0 {condition}"
        query += " ORDER BY run DESC LIMIT ?"
        with self._database.reading() as connection:
            return [run for (run,) in connection.execute(query, (first, last, limit))]

    async def _call(self, work: Callable[[], T]) -> T:
        """Call a function that may read or store blobs."""
        if not self.blobs.is_remote:
            return work()
        from coder.store.in_thread import run_in_thread

        return await run_in_thread(work)

    def _try_event(self, run: str, row: tuple[Any, ...] | None) -> Event:
        try:
            return self._event(row, self.blobs.get) if row is not None else unreadable(run)
        except LogDamaged:
            return unreadable(run)

    def _event(self, row: tuple[Any, ...], load: Callable[[str], bytes]) -> Event:
        return event_codec.event_of(row, load, self._database.damaged)


class FolderMessages:
    """Messages to runs, each a file in a folder of its run (`Messages`)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, run: str, text: str) -> None:
        """Store a message. Raises UsageError, and MachineError if it can't be written."""
        content = event_codec.encode_message(run, text)
        path = private_folder(self._folder / run) / f"{time.time_ns():020}-{os.getpid()}"
        try:
            with replacing(path) as file:
                file.write(content)
        except OSError as error:
            raise unwritable(path, error.strerror or str(error)) from error

    async def unread(self, run: str) -> list[SentMessage]:
        """Return the messages to a run that haven't been removed, in order."""
        messages = []
        with suppress(OSError):  # usually, there is no such folder
            for path in sorted((self._folder / run).iterdir()):
                if path.name[0] != ".":
                    text = path.read_bytes().decode("utf-8", "replace")
                    messages.append(SentMessage(path.name, text))
        return messages

    async def remove(self, run: str, ids: Collection[str]) -> None:
        """Remove these messages to a run."""
        for name in ids:
            (self._folder / run / name).unlink(missing_ok=True)
