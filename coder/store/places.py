"""Where runs are kept: addresses of the log and of its blobs, from variables or the user's file."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from coder.base.errors import UsageError
from coder.base.fs.private_folder import config_folder
from coder.base.fs.toml_file import read_toml
from coder.store.blobs import Blobs, FolderBlobs

TABLE = "store"
"""Table of the user's file with the addresses `log` and `blobs`; a repository can't set it."""


_PASSWORD = re.compile(r"://[^/@]*:[^/@]*@|[?&]password=")


class Places(NamedTuple):
    """Addresses of a log and of its blobs. They may contain passwords."""

    log: str | None
    """`postgresql://…`; None: SQLite in the data folder."""
    blobs: str | None
    """A folder or `s3://…`; None: beside the log, for Postgres in the database."""


def usual_places(environ: Mapping[str, str] = os.environ) -> Places:
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
    return Places(log or table.get("log") or None, blobs or table.get("blobs") or None)


def open_place(address: str, log: str) -> Blobs:
    """Return the place of a log's blobs at an address.

    Args:
        log: the log's id. Each log has a folder of its own there, so that cleaning one harms no other.

    Raises:
        UsageError: the address can't be used, or the extra `s3` isn't installed.
    """
    if address.startswith("s3://"):
        from coder.store.object_blobs import ObjectBlobs  # imported only if it is used

        return ObjectBlobs(address, log)
    folder = Path(address).expanduser()
    if "://" in address or not folder.is_absolute():
        raise UsageError(
            "CODER_BLOBS, or blobs of [store], must be an absolute path of a folder, or s3://BUCKET/PREFIX."
        )
    return FolderBlobs(folder / log)
