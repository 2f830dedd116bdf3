"""Tests that write hundreds of megabytes take turns with probes that measure the disk of this machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from perf.probes import ADAPTER


@contextmanager
def writing_much() -> Iterator[None]:
    """Wait until no probe measures the disk, and let none begin for as long as the block lasts."""
    with ADAPTER.open() as turn:
        fcntl.flock(turn, fcntl.LOCK_SH)
        yield
