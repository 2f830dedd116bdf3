"""Entries of the cache of installs: found by all that they are made from, and made whole or not at all."""

import hashlib
import json
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from coder.environment.dependencies import Installed
from coder.errors import MachineError
from coder.fs.disk_cache import facts_folder
from coder.fs.private_folder import private_folder
from coder.install.indexes import Indexes

_VERSION = 2


def find_installed(
    root: Path, *, command: str, python: Path, indexes: Indexes, files: Mapping[str, bytes]
) -> Installed:
    """The entry for a folder: another one for another command, interpreter, index or manifest.

    Folders share none: code of a folder may run during its install, and other runs must not see the result.

    Args:
        root: the user's folder.
        python: the base interpreter.
        files: what names the dependencies.
    """
    status = python.stat()
    made_from = {
        "version": _VERSION,
        "root": str(root),
        "command": command,
        "python": [str(python), status.st_size, int(status.st_mtime), sys.platform],
        "hosts": indexes.hosts,
        "environment": dict(sorted(indexes.environment.items())),
        "files": {path: hashlib.sha256(content).hexdigest() for path, content in sorted(files.items())},
    }
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:32]
    return Installed(cache() / key)


def cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder of all entries: in CODER_HOME's cache, or the platform's. Removing it costs time only."""
    return private_folder(private_folder(facts_folder(environ)) / "installed")


def make_entry(entry: Installed, fill: Callable[[Path], None]) -> None:
    """Have a folder filled and make it the entry; nothing of it stays where that fails.

    Raises:
        MachineError: it can't be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".begun-", dir=entry.folder.parent) as place:
            made = Path(place) / "made"
            made.mkdir()
            made.chmod(0o755)  # whatever our umask is: programs of another uid read it
            fill(made)
            made.rename(entry.folder)
    except OSError as error:
        if not entry.is_there:  # else another process was first
            raise MachineError(f"What was installed can't be kept in {entry.folder}: {error}.") from error
