"""Event logs: SQLite or Postgres; a lease for each run; blobs. Read sqlite, lease, blobs, postgres."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from coder.base.errors import MissingExtra
from coder.base.fs.private_folder import data_folder
from coder.store.lease import EventLog
from coder.store.places import Places, usual_places
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

if TYPE_CHECKING:
    from coder.store.postgres import PostgresLog

__all__ = ["EventLog", "RunSummary", "SqliteLog", "data_folder", "new_run_id", "open_log"]


@contextmanager
def open_log(folder: Path | None = None) -> Iterator["SqliteLog | PostgresLog"]:
    """Open the event log for a block; None: the one of the settings, or in the user's folder.

    Raises:
        UsageError: a setting isn't the address of a log or of blobs, or an extra isn't installed.
        LogNewer, LogDamaged, MachineError: the log can't be opened.
    """
    places = usual_places() if folder is None else Places(None, None)
    if places.log is not None:
        try:
            from coder.store.postgres import PostgresLog  # imported only if it is used
        except ImportError as error:
            raise MissingExtra("psycopg, which CODER_LOG needs,", "postgres") from error
        with PostgresLog(places.log, blobs=places.blobs) as server:
            yield server
        return
    with SqliteLog(folder, blobs=places.blobs) as log:
        yield log
