"""Blobs in the table of a Postgres log."""

from collections.abc import Collection, Iterator, Mapping

from coder.base.errors import BlobMissing
from coder.store.blobs import ELSEWHERE, BlobInfo, Blobs, blob_name, check_content, check_name
from coder.store.connections import DatabaseConnections

_PUT = """
INSERT INTO coder.blob VALUES (%(name)s, %(content)b) ON CONFLICT DO NOTHING RETURNING name
"""


class TableBlobs:
    """The table `coder.blob`. An append writes it in the statement of its events, without `put`."""

    is_remote = True

    def __init__(self, server: DatabaseConnections) -> None:
        self._server = server

    @property
    def places(self) -> Mapping[str, Blobs]:
        """The table, by the id of its log. Raises MachineError."""
        return {f"coder.blob of {self._server.identity()}": self}

    def put(self, content: bytes) -> str:
        """Store content durably and return its name."""
        name = blob_name(content)
        self._server.rows(_PUT, {"name": name, "content": content}, more_s=len(content) / 1e6)
        return name

    def get(self, name: str) -> bytes:
        """Return the content of a blob by its name."""
        check_name(name)
        rows = self._server.rows("SELECT content FROM coder.blob WHERE name = %(name)s", {"name": name})
        if not rows:
            problem = self._server.damaged(f"the content {name} is gone")
            raise BlobMissing(f"{problem} {ELSEWHERE}")
        return check_content(name, bytes(rows[0][0]), f"content {name} in the database")

    def has(self, name: str) -> bool:
        """Whether a blob is there."""
        return bool(self._server.rows("SELECT 1 FROM coder.blob WHERE name = %(name)s", {"name": name}))

    def entries(self) -> Iterator[BlobInfo]:
        """List all blobs."""
        for name, size in self._server.rows("SELECT name, length(content) FROM coder.blob", {}, more_s=60):
            yield BlobInfo(name, size, None)

    def remove(self, names: Collection[str]) -> None:
        """Remove blobs."""
        statement = "DELETE FROM coder.blob WHERE name = ANY(%(names)s) RETURNING name"
        self._server.rows(statement, {"names": list(names)}, more_s=60)
