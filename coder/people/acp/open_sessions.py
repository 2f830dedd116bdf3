"""OpenSessions: the open sessions of a client, each with the task that opens and closes it."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import TypeVar

from coder.base.errors import UsageError
from coder.people.acp.editor_session import EditorSession
from coder.people.acp.reading_session import ReadingSession
from coder.show.failure import report

OpenSession = EditorSession | ReadingSession
T = TypeVar("T", EditorSession, ReadingSession)


@dataclass(slots=True)
class _Row:
    session: OpenSession
    owner: asyncio.Task[None]
    closing: asyncio.Event = field(default_factory=asyncio.Event)


class OpenSessions:
    """Sessions by id. The task that opens a session must also close it, so each session has its own task."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    def find(self, session_id: str) -> OpenSession | None:
        """Return a session, or None if it isn't open."""
        row = self._rows.get(session_id)
        return row.session if row is not None else None

    def get(self, session_id: str) -> OpenSession:
        """Return a session. Raises UsageError if it isn't open."""
        if (session := self.find(session_id)) is None:
            raise UsageError(f"No session {session_id} is open. Open it by session/load.")
        return session

    def writable(self, session_id: str) -> EditorSession:
        """Return a session that this process owns. Raises UsageError if it is closed or read-only."""
        if isinstance(session := self.get(session_id), ReadingSession):
            raise UsageError(f"Another process works on {session_id}: this session only shows its work.")
        return session

    async def open(self, opening: AbstractAsyncContextManager[T]) -> T:
        """Open a session; an open session with the same id is closed. Raises the errors of opening it."""
        opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        closing = asyncio.Event()
        owner = asyncio.create_task(_own(opening, opened, closing))
        session = await opened
        if (replaced := self._rows.pop(session.run, None)) is not None:
            await _end(replaced)
        self._rows[session.run] = _Row(session, owner, closing)
        return session

    async def close(self, session_id: str) -> None:
        """Interrupt the work of a session, and close it. Raises UsageError if it isn't open."""
        self.get(session_id)
        await _end(self._rows.pop(session_id))

    async def close_all(self) -> None:
        """Interrupt and close all sessions."""
        rows, self._rows = [*self._rows.values()], {}
        await asyncio.gather(*map(_end, rows))


async def _own(
    opening: AbstractAsyncContextManager[T],
    opened: "asyncio.Future[T]",
    closing: asyncio.Event,
) -> None:
    try:
        async with opening as session:
            opened.set_result(session)
            await closing.wait()
    except Exception as error:  # noqa: BLE001 - the request that waits raises it
        if opened.done():
            report(error)
        else:
            opened.set_exception(error)


async def _end(row: _Row) -> None:
    row.closing.set()
    await asyncio.wait([row.owner])
