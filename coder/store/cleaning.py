"""Check that every event can be read, with its blobs, and remove blobs to which no event refers."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

from coder.base.errors import LogDamaged
from coder.store.blobs import BlobInfo, Blobs, is_blob_name
from coder.store.event_codec import event_of, names_in
from coder.store.stored_rows import StoredRows

GRACE_S = 24 * 3600.0
"""Younger blobs stay: a run may be about to refer to one that it has just stored."""
_WRITING_S = 3600.0
"""Younger parts of blobs stay in any case: a process may be writing them."""
_BATCH = 50
"""Blobs removed under one lock, so that appends wait only briefly."""
_READERS = 8
"""Number of blobs read concurrently."""


class Store(Protocol):
    """A log with its blobs."""

    blobs: Blobs

    @property
    def rows(self) -> StoredRows:
        """The events as they are stored."""


class Reference(NamedTuple):
    """The first event that refers to a blob."""

    run: str
    seq: int


class Harm(NamedTuple):
    """A blob that a run refers to, an event, or all of a run, that can't be read."""

    name: str
    """Of a blob; "" for an event or a run."""
    run: str
    seq: int
    """0 for a run."""
    problem: str


class Checked(NamedTuple):
    """Result of a check."""

    events: int
    blobs: int
    harmed: list[Harm]


def references(rows: StoredRows) -> dict[str, Reference]:
    """Return the first reference to each blob, by the blob's name. Raises LogDamaged if one can't be read."""
    references_by_name: dict[str, Reference] = {}
    for run, seq, places in rows.references():
        try:
            names = names_in(places)
        except ValueError as error:
            raise LogDamaged(f"Event {seq} of {run} has places of blobs that can't be read.") from error
        for name in names:
            references_by_name.setdefault(name, Reference(run, seq))
    return references_by_name


def check(store: Store) -> Checked:
    """Read every event, and every blob that one refers to, which is compared with its digest.

    Raises MachineError if the log or the blobs can't be reached.
    """
    events, referred, harmed = 0, dict[str, Reference](), list[Harm]()
    for run in store.rows.runs():
        try:
            rows = store.rows.read(run)
        except LogDamaged as error:
            harmed.append(Harm("", run, 0, str(error)))
            continue
        events += len(rows)
        for row in rows:
            *_, blobs = row
            place = Reference(run, int(row[1]))
            try:
                event_of(row, _no_content, LogDamaged)
                for name in names_in(blobs):
                    referred.setdefault(name, place)
            except (LogDamaged, ValueError) as error:
                harmed.append(Harm("", *place, str(error)))

    def problem(name: str) -> str | None:
        try:
            store.blobs.get(name)
        except LogDamaged as error:
            return str(error)
        return None

    with ThreadPoolExecutor(_READERS) as readers:
        problems = zip(referred.items(), readers.map(problem, referred), strict=True)
        harmed += [Harm(name, *event, words) for (name, event), words in problems if words is not None]
    return Checked(events, len(referred), harmed)


def _no_content(_: str) -> bytes:
    return b""


def unreferenced(store: Store, *, grace_s: float, now: float) -> list[BlobInfo]:
    """Return blobs without a reference, stored before the grace period or at an unknown time."""
    entries = list(store.blobs.entries())  # before the references, so that a newer blob isn't among them
    referred = references(store.rows)
    return [
        entry
        for entry in entries
        if entry.name not in referred
        and (entry.modified is None or entry.modified <= now - _grace_s(entry.name, grace_s))
    ]


def _grace_s(name: str, grace_s: float) -> float:
    return grace_s if is_blob_name(name) else max(grace_s, _WRITING_S)


def clean(
    store: Store,
    *,
    grace_s: float = GRACE_S,
    is_removable: Callable[[str], bool] | None = None,
    clock: Callable[[], float] = time.time,
) -> Iterator[BlobInfo]:
    """Remove the blobs that no event refers to, and yield each that was removed.

    The references are read again under a lock that keeps appends out, and an append asks under that lock
    whether its blobs are still there. So no blob is lost, even without a grace period.

    Args:
        is_removable: whether the blob of a name may be removed; None: all may.

    Raises:
        LogDamaged: an event's references can't be read; nothing more is removed.
        MachineError: the log or the blobs can't be reached.
    """
    candidates = unreferenced(store, grace_s=grace_s, now=clock())
    if is_removable is not None:
        candidates = [entry for entry in candidates if is_removable(entry.name)]
    for start in range(0, len(candidates), _BATCH):
        removed = []
        with store.rows.keeping_appends_out() as is_locked:
            referred = references(store.rows)
            for entry in candidates[start : start + _BATCH]:
                if entry.name not in referred and is_locked():
                    store.blobs.remove([entry.name])
                    removed.append(entry)
        yield from removed
