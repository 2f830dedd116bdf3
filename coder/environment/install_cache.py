"""The cache of installs: an entry for each folder, by the hash of all that it is made from."""

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from coder.environment.indexes import Indexes
from coder.environment.installed import Installed
from coder.fs.disk_cache import facts_folder
from coder.fs.private_folder import private_folder

_VERSION = 2


def find_installed(
    root: Path, *, command: str, python: Path, indexes: Indexes, files: Mapping[str, bytes]
) -> Installed:
    """The entry for a folder: it is another one for another command, interpreter, index or manifest.

    And for another folder: its own code may run meanwhile, and nobody else's runs are to see what that does.

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
    """The folder of all entries: in CODER_HOME's cache, or the platform's. To remove it costs time only."""
    return private_folder(private_folder(facts_folder(environ)) / "installed")


def size_of(folder: Path) -> int:
    """Bytes of the files below a folder."""
    found = (Path(base) / name for base, _, names in os.walk(folder) for name in names)
    return sum(path.lstat().st_size for path in found)
