"""Messages to runs in a table of the Postgres database.

A statement whose connection broke is executed again; by its id, a message is stored only once.
"""

import uuid
from collections.abc import Collection

from coder.run.events import SentMessage
from coder.store.connections import DatabaseConnections
from coder.store.event_codec import encode_message
from coder.store.in_thread import run_in_thread

_SEND = """
INSERT INTO coder.message (id, run, content) VALUES (%(id)s, %(run)s, %(content)s)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_UNREAD = "SELECT id, content FROM coder.message WHERE run = %(run)s ORDER BY number"
_REMOVE = "DELETE FROM coder.message WHERE run = %(run)s AND id = ANY(%(ids)s) RETURNING id"


class TableMessages:
    """Messages to runs, each a row (`Messages`)."""

    def __init__(self, server: DatabaseConnections) -> None:
        self._server = server

    async def send(self, run: str, text: str) -> None:
        """Store a message. Raises UsageError, MachineError."""
        content = encode_message(run, text)
        values = {"run": run, "id": uuid.uuid4().hex, "content": content}
        await run_in_thread(lambda: self._server.rows(_SEND, values))

    async def unread(self, run: str) -> list[SentMessage]:
        """Return the messages to a run that haven't been removed, in order."""
        rows = await run_in_thread(lambda: self._server.rows(_UNREAD, {"run": run}))
        return [SentMessage(id, bytes(content).decode("utf-8", "replace")) for id, content in rows]

    async def remove(self, run: str, ids: Collection[str]) -> None:
        """Remove these messages to a run."""
        values = {"run": run, "ids": [*ids]}
        await run_in_thread(lambda: self._server.rows(_REMOVE, values))
