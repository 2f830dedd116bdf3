"""Write a report's file whole or not at all, so that nobody reads half of one."""

import os
import tempfile
from pathlib import Path

from coder.durable import write_all


def write_text(path: Path, text: str) -> None:
    """Replace a file's content; a pipe or a device is written to as it is.

    Raises:
        OSError: the disk is full, or the folder can't be written to; the old content is still there.
    """
    content = text.encode("utf-8", errors="backslashreplace")
    if path.exists() and not path.is_file():
        path.write_bytes(content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    target = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        try:
            write_all(descriptor, content)
        finally:
            os.close(descriptor)
        os.chmod(temporary, 0o644)
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
