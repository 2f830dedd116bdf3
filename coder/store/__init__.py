"""Event logs: one SQLite file; a lease for each run. Read sqlite, lease."""

from coder.fs.private_folder import data_folder
from coder.store.lease import EventLog
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

__all__ = ["EventLog", "RunSummary", "SqliteLog", "data_folder", "new_run_id"]
