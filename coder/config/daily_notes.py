"""Show the same note about a folder once a day."""

import hashlib
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from coder.base.fs.atomic_replace import replacing
from coder.base.fs.private_folder import facts_folder

_FILE = "notes-of-the-day.json"


def unseen_today(workspace: Path | None, notes: Sequence[str]) -> list[str]:
    """Return the notes about a folder that no command has shown today; they count as shown from now on.

    All of them if the cache can't be used.
    """
    if not notes:
        return []
    folder = str(workspace.resolve()) if workspace is not None else ""
    today = datetime.now(UTC).date().isoformat()
    keys = {
        note: hashlib.sha256(f"{folder}\0{note}".encode("utf-8", "replace")).hexdigest() for note in notes
    }
    shown_keys = _read(today)
    unseen = [note for note in notes if keys[note] not in shown_keys]
    if unseen:
        rows = {"day": today, "shown": sorted({*shown_keys, *keys.values()})}
        with suppress(OSError):
            facts_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(facts_folder() / _FILE) as file:
                file.write(json.dumps(rows).encode())
    return unseen


def _read(today: str) -> set[str]:
    """Return the keys of the notes that were shown today."""
    try:
        rows = json.loads((facts_folder() / _FILE).read_bytes())
        return set(rows["shown"]) if rows["day"] == today else set()
    except (OSError, ValueError, TypeError, KeyError):
        return set()
