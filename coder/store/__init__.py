"""Where events are kept: one SQLite file of the user's, or memory; a lease per run. Read sqlite, lease."""

from coder.fs.private_folder import data_folder
from coder.store.lease import EventLog
from coder.store.memory import MemoryLog
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

__all__ = ["EventLog", "MemoryLog", "RunSummary", "SqliteLog", "data_folder", "new_run_id"]
