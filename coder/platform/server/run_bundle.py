"""A run as one ZIP: its document, patch, trajectory and events."""

import io
import zipfile
from collections.abc import Sequence
from contextlib import suppress

from coder.base.errors import UsageError
from coder.base.text.ascii_json import ascii_json
from coder.engine.requests import patch_of
from coder.run.events import Event
from coder.run.reducer import fold_all
from coder.run.run import summarize
from coder.show.atif import write_atif


def bundle(run: str, events: Sequence[Event], with_attempts: Sequence[Event]) -> bytes:
    """Return a ZIP with `run.json`, `trajectory.json` (ATIF), `events.jsonl` and, if any, `change.patch`.

    Args:
        with_attempts: the run's events, with the events of each attempt at the point where it began.
    """
    state = fold_all(events)
    files = {
        "run.json": ascii_json(summarize(state), indent=2),
        "trajectory.json": write_atif(with_attempts),
        "events.jsonl": "".join(f"{event.as_json()}\n" for event in with_attempts),
    }
    with suppress(UsageError):  # the run has made no files
        files["change.patch"] = patch_of(state)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{run}/{name}", text.encode("utf-8", "surrogateescape"))
    return content.getvalue()
