"""Cache of facts about files, by the hash of their content. Losing it costs only time."""

import json
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path

from coder.errors import MachineError
from coder.fs.atomic_replace import replacing
from coder.fs.private_folder import cache_folder, private_folder

_MOST_READ, _MOST_KEPT = 128 << 20, 16 << 20
"""Bytes of a cache that is read, and of one that holds facts that weren't asked for last."""
_FILE = "facts.json"


def facts_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Folder of the cache: below CODER_HOME if that is set, else the platform's cache folder."""
    home = environ.get("CODER_HOME")
    return Path(home).expanduser().absolute() / "cache" if home else cache_folder()


def cached_facts(folder: Path | None) -> dict[str, tuple[str, str]]:
    """The facts that are kept, by key; none of a cache that is damaged or can't be read."""
    try:
        path = folder / _FILE if folder is not None else None
        kept = json.loads(path.read_bytes()) if path and path.stat().st_size <= _MOST_READ else None
    except (OSError, ValueError, RecursionError):
        return {}
    found = {}
    for key, row in kept.items() if isinstance(kept, dict) else ():
        match row:
            case [str(defined), str(words)]:
                found[key] = defined, words
    return found


def keep_facts(folder: Path | None, facts: Mapping[str, tuple[str, str]], *, asked: Collection[str]) -> None:
    """Replace the cache by these facts, where it can be written; by the asked ones if they are too many."""
    if folder is not None:
        text = json.dumps(facts)
        if len(text) > _MOST_KEPT:  # every survey reads all of it
            text = json.dumps({key: facts[key] for key in asked if key in facts})
        with suppress(MachineError, OSError), replacing(private_folder(folder) / _FILE) as file:
            file.write(text.encode())
