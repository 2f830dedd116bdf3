"""Move runs and their blobs to another store: copy, verify all, and only then remove from the source.

Each step can be repeated, so that a killed move is completed by starting it again.
"""

import secrets
from collections.abc import Callable, Set
from contextlib import suppress
from functools import partial
from typing import NamedTuple, Protocol

from coder.base.errors import LeaseHeld, LogDamaged, UsageError
from coder.store.blobs import Blobs
from coder.store.cleaning import Store, clean, references
from coder.store.event_codec import names_in
from coder.store.in_thread import run_in_thread
from coder.store.lease import EventLog
from coder.store.stored_rows import Row, StoredRows, digest


class LeasedStore(Store, EventLog, Protocol):
    """A log with its blobs and leases."""


class Moved(NamedTuple):
    """Result of a move."""

    runs: int
    """Number of runs in the target, all verified."""
    blobs: int
    """Number of blobs read from the target with the right digest."""
    present: int
    """Number of these that were in the target before."""
    left: list[str]
    """Runs that are still in the source, because they continued or began during the move."""


ProgressCallback = Callable[[str, str, int, int], None]
"""Callback for each item, with a verb, the item's name and number, and the number of items."""


async def move(source: LeasedStore, target: LeasedStore, *, keep: bool, tell: ProgressCallback) -> Moved:
    """Move all runs and their blobs from one log to another.

    Args:
        keep: leave the source as it is.

    Raises:
        UsageError: both logs have their blobs in one place. Nothing was copied.
        LeaseHeld: a process works on a run, which isn't moved; runs before it are in both logs.
        LogDamaged: an event or a blob of the source is missing or changed, or the target has another run of
            the same id. Nothing was removed.
        MachineError: a log or its blobs can't be reached.
    """
    await run_in_thread(partial(_require_separate, source.blobs, target.blobs))
    runs = source.rows.runs()
    digests: dict[str, str] = {}
    copied: set[str] = set()
    for number, run in enumerate(runs, 1):
        tell("copy", run, number, len(runs))
        async with source.lease(run):
            digests[run] = await run_in_thread(partial(_copy_run, run, source, target, copied))
    blob_names: set[str] = set()
    for number, run in enumerate(runs, 1):
        tell("verify", run, number, len(runs))
        blob_names |= await run_in_thread(partial(_verify_run, run, target, digests[run], blob_names))
    present = len(blob_names - copied)
    if keep:
        return Moved(len(runs), len(blob_names), present, [])
    for number, run in enumerate(runs, 1):
        tell("remove", run, number, len(runs))
        with suppress(LeaseHeld):
            async with source.lease(run):
                if digest(source.rows.read(run)) == digests[run]:
                    source.rows.remove(run)
    for blob in clean(source, grace_s=0.0, is_removable=partial(_is_readable, target.blobs)):
        tell("remove", blob.name, 1, 1)
    return Moved(len(runs), len(blob_names), present, source.rows.runs())


def move_blobs(
    rows: StoredRows, source: Blobs, target: Blobs, *, keep: bool, tell: ProgressCallback
) -> Moved:
    """Move the blobs of a log to another place; its events stay.

    Raises:
        UsageError: both are one place. Nothing was copied.
        LogDamaged: a blob is in neither place, or was changed. Nothing was removed.
        MachineError: the log or a place can't be reached.
    """
    _require_separate(source, target)
    names = sorted(references(rows))
    missing = [name for name in names if not target.has(name)]
    for number, name in enumerate(missing, 1):
        tell("copy", name, number, len(missing))
        target.put(source.get(name))
    for number, name in enumerate(names, 1):
        tell("verify", name, number, len(names))
        target.get(name)
    for number, name in enumerate([] if keep else names, 1):
        with rows.keeping_appends_out() as is_locked:
            if is_locked() and target.has(name):
                tell("remove", name, number, len(names))
                source.remove([name])
    return Moved(0, len(names), len(names) - len(missing), [])


def _require_separate(source: Blobs, target: Blobs) -> None:
    """Raise UsageError if a blob in a place of the target is also one in a place of the source."""
    is_one = bool(source.places.keys() & target.places.keys())
    if is_one or any(share_blobs(source, place) for place in target.places.values()):
        raise UsageError(
            "The blobs are in that place already: both addresses lead to it. Nothing was copied or removed. "
            "Name another place."
        )


def share_blobs(source: Blobs, target: Blobs) -> bool:
    """Whether a blob that is stored in the target is found in the source.

    Two addresses can lead to one place, as through a link, a mount or an alias of a host.
    """
    name = target.put(secrets.token_bytes(32))
    try:
        return source.has(name)
    finally:
        target.remove([name])


def _is_readable(blobs: Blobs, name: str) -> bool:
    """Whether a blob can be read back from a place, so that its copy elsewhere can be removed."""
    try:
        return blobs.has(name) and bool(blobs.get(name))
    except LogDamaged:
        return False


def _copy_run(run: str, source: Store, target: Store, copied: set[str]) -> str:
    """Copy a run, unless the target has the same, and return the digest of its events.

    The names of copied blobs are added to `copied`.
    """
    rows = source.rows.read(run)
    present = target.rows.read(run)
    if present and digest(present) != digest(rows[: len(present)]):
        raise LogDamaged(f"The log to move to has another {run}. Nothing was removed. Move to an empty log.")
    names = _names(rows)

    def put_missing() -> None:
        for name in names:
            if not target.blobs.has(name):
                copied.add(target.blobs.put(source.blobs.get(name)))

    put_missing()
    if len(present) < len(rows):  # else it was copied before, and may go on there already
        target.rows.write(run, rows, put_missing)
    return digest(rows)


def _verify_run(run: str, target: Store, expected: str, verified: Set[str]) -> set[str]:
    """Compare a run with its source, and its blobs with their digests; return the blobs' names.

    Raises LogDamaged if the run or a blob was changed.
    """
    rows = target.rows.read(run)
    if digest(rows) != expected:
        raise LogDamaged(f"Events of {run} were changed on their way. Nothing was removed. Move again.")
    names = _names(rows)
    for name in names - verified:
        target.blobs.get(name)
    return names


def _names(rows: list[Row]) -> set[str]:
    try:
        return {name for row in rows for name in names_in(row[6])}
    except ValueError as error:
        raise LogDamaged(
            f"References to blobs of {rows[0][0]} can't be read. Nothing was removed."
        ) from error
