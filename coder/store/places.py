"""Open the place of a log's blobs by its address."""

import os
from pathlib import Path

from coder.base.errors import UsageError
from coder.store.blobs import Blobs, FolderBlobs


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
    folder = Path(os.path.expanduser(address))  # of an unknown user, Path's raises
    if "://" in address or not folder.is_absolute():
        raise UsageError(
            "CODER_BLOBS, or blobs of [store], must be an absolute path of a folder, or s3://BUCKET/PREFIX."
        )
    return FolderBlobs(folder / log)
