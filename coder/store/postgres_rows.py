"""Raw events of a Postgres log (see `stored_rows`)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

from coder.store.connections import DatabaseConnections
from coder.store.stored_rows import COLUMNS, Row, complete

_READ = """
SELECT run.last, event.* FROM coder.run LEFT JOIN coder.event ON event.run = run.run
WHERE run.run = %(run)s ORDER BY seq
"""
_REMOVE = """
WITH gone AS (DELETE FROM coder.event WHERE run = %(run)s)
DELETE FROM coder.run WHERE run = %(run)s RETURNING run
"""
_WRITE = """
WITH gone AS (DELETE FROM coder.event WHERE run = %(run)s AND seq > %(count)s), written AS (
    INSERT INTO coder.run (run, last, token, claim, owner, expires)
    VALUES (%(run)s, %(count)s, 0, '', ARRAY['', '', '1', ''], '-infinity')
    ON CONFLICT (run) DO UPDATE SET last = excluded.last RETURNING run
)
INSERT INTO coder.event SELECT written.run, new.* FROM written, unnest(
    %(seq)s::int[], %(time)s::float8[], %(type)s::text[], %(version)s::int[], %(body)s::text[],
    %(blobs)s::text[]
) AS new ON CONFLICT (run, seq) DO UPDATE SET time = excluded.time, type = excluded.type,
    version = excluded.version, body = excluded.body, blobs = excluded.blobs
RETURNING seq
"""


class PostgresRows:
    """The rows of a Postgres log."""

    def __init__(self, server: DatabaseConnections) -> None:
        self._server = server

    def runs(self) -> list[str]:
        """Return the ids of all runs with events."""
        rows = self._server.rows("SELECT run FROM coder.run WHERE last > 0 ORDER BY number", {})
        return [run for (run,) in rows]

    def read(self, run: str) -> list[Row]:
        """Return the events of a run in order."""
        rows = self._server.rows(_READ, {"run": run}, more_s=60)
        last = rows[0][0] if rows else 0
        events = [row[1:] for row in rows if row[1] is not None]
        return complete(events, last, self._server.damaged(f"events of {run} are missing"))

    def write(self, run: str, rows: Sequence[Row], check: Callable[[], None]) -> None:
        """Replace the events of a run."""
        values = {name: [row[at] for row in rows] for at, name in enumerate(COLUMNS.split(", ")) if at}
        text_bytes = sum(len(row[5]) for row in rows)
        self._server.rows(
            _WRITE, {**values, "run": run, "count": len(rows)}, more_s=60 + text_bytes / 1e6, check=check
        )

    def remove(self, run: str) -> None:
        """Remove a run and its events."""
        self._server.rows(_REMOVE, {"run": run}, more_s=60)

    def references(self) -> Iterator[tuple[str, int, str]]:
        """Return run, number and places of blobs of each event that has blobs."""
        statement = "SELECT run, seq, blobs FROM coder.event WHERE blobs <> '[]'"
        return iter([(run, seq, blobs) for run, seq, blobs in self._server.rows(statement, {}, more_s=600)])

    def keeping_appends_out(self) -> AbstractContextManager[Callable[[], bool]]:
        """Hold the advisory lock that appends with blobs share."""
        return self._server.keeping_appends_out()
