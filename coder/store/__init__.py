"""Event logs: SQLite or Postgres; a lease for each run; blobs. Read sqlite, lease, blobs, postgres."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from coder.base.errors import MissingExtra, UsageError
from coder.base.fs.private_folder import config_folder, data_folder
from coder.base.fs.safe_open import read_toml
from coder.store.lease import EventLog
from coder.store.run_list import RunSummary, new_run_id
from coder.store.sqlite import SqliteLog

if TYPE_CHECKING:
    from coder.store.postgres import PostgresLog

__all__ = [
    "EventLog",
    "RunSummary",
    "SqliteLog",
    "data_folder",
    "new_run_id",
    "open_log",
    "open_store",
    "usual_places",
]


TABLE = "store"
"""Table of the user's file with the addresses `log` and `blobs`; a repository can't set it."""
_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@|\bpassword\s*=")


class StoreAddresses(NamedTuple):
    """Addresses of a log and of its blobs. They may contain passwords."""

    log: str | None
    """`postgresql://…`, or `host=…`; None: SQLite in the data folder."""
    blobs: str | None
    """A folder or `s3://…`; None: beside the log, or in the database for Postgres."""


def usual_places(environ: Mapping[str, str] = os.environ) -> StoreAddresses:
    """Return the addresses in CODER_LOG and CODER_BLOBS, else in `[store]` of the user's file.

    Raises:
        UsageError: the file or its table can't be read.
    """
    file = config_folder() / "config.toml"
    table = read_toml(file).get(TABLE, {})
    if not isinstance(table, dict):
        raise UsageError(f"{file}: {TABLE} is no table. Write [{TABLE}], and below it log or blobs.")
    for key, value in table.items():
        if key not in ("log", "blobs"):
            raise UsageError(f"{file}: [{TABLE}] has an unknown key {key!r}. It may have log and blobs.")
        if not isinstance(value, str):
            raise UsageError(f"{file}: {key} of [{TABLE}] must be a text.")
        if _PASSWORD.search(value):
            keep = "Keep passwords in CODER_LOG, PGPASSWORD or ~/.pgpass."
            raise UsageError(f"{file}: {key} of [{TABLE}] has a password. {keep}")
    log, blobs = environ.get("CODER_LOG"), environ.get("CODER_BLOBS")
    return StoreAddresses(log or table.get("log") or None, blobs or table.get("blobs") or None)


@contextmanager
def open_log(folder: Path | None = None) -> Iterator["SqliteLog | PostgresLog"]:
    """Return a context manager for the event log in a folder; None: the configured log, else the user's.

    Raises:
        UsageError: a setting isn't the address of a log or of blobs, or an extra isn't installed.
        LogNewer, LogDamaged, MachineError: the log can't be opened.
    """
    places = usual_places() if folder is None else StoreAddresses(None, None)
    with open_store(places.log or folder, places.blobs) as log:
        yield log


@contextmanager
def open_store(log: str | Path | None, blobs: str | None) -> Iterator["SqliteLog | PostgresLog"]:
    """Return a context manager for a log and its blobs.

    Args:
        log: `postgresql://…` or a folder; None: the user's folder.
        blobs: address of the blobs; None: the log's own place.

    Raises:
        UsageError, LogNewer, LogDamaged, MachineError: see `open_log`.
    """
    if isinstance(log, str):
        try:
            from coder.store.postgres import PostgresLog  # imported only if it is used
        except ImportError as error:
            raise MissingExtra("psycopg, which CODER_LOG needs,", "postgres") from error
        with PostgresLog(log, blobs=blobs) as server:
            yield server
        return
    with SqliteLog(log, blobs=blobs) as file:
        yield file
