"""Messages to runs in a table of the Postgres database.

A statement whose connection broke is executed again: a message has an id, and so has each taking.
"""

import uuid

from coder.store.connections import Connections, Rows
from coder.store.in_thread import run_in_thread

_SEND = """
INSERT INTO coder.message (id, run, content) VALUES (%(id)s, %(run)s, %(content)s)
ON CONFLICT (id) DO NOTHING RETURNING id
"""
_UNREAD = "SELECT content FROM coder.message WHERE run = %(run)s AND taken IS NULL ORDER BY number"
_TAKE = """
WITH gone AS (DELETE FROM coder.message WHERE run = %(run)s AND taken <> %(id)s),
taken AS (
    UPDATE coder.message SET taken = %(id)s WHERE run = %(run)s AND coalesce(taken, %(id)s) = %(id)s
    RETURNING number, content
)
SELECT content FROM taken ORDER BY number
"""


class TableMessages:
    """Messages to runs, each a row (`Messages`)."""

    def __init__(self, server: Connections) -> None:
        self._server = server

    async def send(self, run: str, text: str) -> None:
        """Keep a message. Raises MachineError."""
        content = text.encode("utf-8", "surrogatepass")
        values = {"run": run, "id": uuid.uuid4().hex, "content": content}
        await run_in_thread(lambda: self._server.rows(_SEND, values))

    async def unread(self, run: str) -> list[str]:
        """Return the messages to a run that nobody has taken, in order."""
        return _texts(await run_in_thread(lambda: self._server.rows(_UNREAD, {"run": run})))

    async def take(self, run: str) -> list[str]:
        """Return the messages to a run, in order, and mark them; the next call removes them."""
        values = {"run": run, "id": uuid.uuid4().hex}
        return _texts(await run_in_thread(lambda: self._server.rows(_TAKE, values)))


def _texts(rows: Rows) -> list[str]:
    return [bytes(content).decode("utf-8", "surrogatepass") for (content,) in rows]
