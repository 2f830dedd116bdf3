"""Event logs: one SQLite file; a lease for each run. Read sqlite, lease."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coder.fs.private_folder import data_folder
from coder.store.lease import EventLog
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

__all__ = ["EventLog", "RunSummary", "SqliteLog", "data_folder", "new_run_id", "open_log"]


@contextmanager
def open_log(folder: Path | None = None) -> Iterator[EventLog]:
    """The event log, opened at each place that uses one; None is the user's own folder.

    Raises:
        LogNewer, LogDamaged, MachineError: it can't be opened.
    """
    with SqliteLog(folder) as log:
        yield log
