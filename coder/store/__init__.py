"""Event logs: one SQLite file; a lease for each run. Or a Postgres database. Read sqlite, lease, postgres."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coder.base.errors import MissingExtra
from coder.base.fs.private_folder import data_folder
from coder.store.lease import EventLog
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

__all__ = ["EventLog", "RunSummary", "SqliteLog", "data_folder", "new_run_id", "open_log"]


@contextmanager
def open_log(folder: Path | None = None) -> Iterator[EventLog]:
    """Open the event log for a block; None: the log of CODER_LOG, or the one in the user's folder.

    Raises:
        UsageError: CODER_LOG isn't a database's address, or the extra `postgres` isn't installed.
        LogNewer, LogDamaged, MachineError: the log can't be opened.
    """
    if folder is None and (url := os.environ.get("CODER_LOG")):
        try:
            from coder.store.postgres import PostgresLog  # imported only if it is used
        except ImportError as error:
            raise MissingExtra("psycopg, which CODER_LOG needs,", "postgres") from error
        with PostgresLog(url) as server:
            yield server
        return
    with SqliteLog(folder) as log:
        yield log
