"""Event logs: one SQLite file, or memory; a lease for each run. Read sqlite, lease."""

from typing import TYPE_CHECKING

from coder.fs.private_folder import data_folder
from coder.store.lease import EventLog
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

if TYPE_CHECKING:
    from coder.store.memory import MemoryLog

__all__ = ["EventLog", "MemoryLog", "RunSummary", "SqliteLog", "data_folder", "new_run_id"]


def __getattr__(name: str) -> object:
    """Load the log in memory when it is first used (PEP 562)."""
    if name != "MemoryLog":
        raise AttributeError(f"module 'coder.store' has no attribute {name!r}")
    from coder.store.memory import MemoryLog

    return MemoryLog
