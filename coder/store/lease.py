"""Leases: one process at a time works on a run; a process that lost its lease can't write.

The token grows with each holder and every append states it, so that a stale holder is refused. A dead holder
on this machine is replaced at once, another holder when its lease expires.
"""

import asyncio
import contextlib
import os
import socket
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from coder.base.errors import LeaseHeld, MachineError, own_command
from coder.base.text.usable import require_usable_name
from coder.run.events import EventStore
from coder.store.database import Database
from coder.store.run_list import RunSummary


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """Identity of one process, distinct from later processes with the same pid."""

    host: str
    namespace: str
    """Boot id and pid namespace; empty if the system has none."""
    pid: int
    started: str
    """Clock ticks from boot to the start of the process; empty if unknown."""

    @classmethod
    def current(cls) -> "LeaseOwner":
        """Return the identity of the calling process. Raises UsageError: the host's name can't be stored."""
        host = socket.gethostname()
        require_usable_name(host, "The name of this machine")
        return cls(host, _namespace(), os.getpid(), _state(os.getpid())[1])

    @classmethod
    def read(cls, columns: Sequence[object]) -> "LeaseOwner":
        """Return the owner in a log's columns; `pid` may be text. Raises ValueError if they are invalid."""
        match columns:
            case [str(host), str(namespace), int() | str() as number, str(started)]:
                pid = int(number)
                if 0 < pid < 1 << 31:  # other numbers have another meaning for kill
                    return cls(host, namespace, pid, started)
        raise ValueError(f"{columns} are no owner")

    def died(self) -> bool:
        """Whether the process has certainly ended; a zombie counts as ended."""
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return False
        if os.name != "posix":  # on other systems, os.kill(pid, 0) sends a signal
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        state, start_time = _state(self.pid)
        return state in ("Z", "X") or (bool(start_time) and start_time != self.started)

    def words(self, run: str) -> str:
        """Return a description of the process that holds a run."""
        return (
            f"Process {self.pid} on {self.host} works on {run}. "
            f"Wait until it ends, or stop it with: {own_command()} stop {run}"
        )


def _namespace() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _state(pid: int) -> tuple[str, str]:
    """Return the state letter and start time of a process from /proc; empty if it can't be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the process name before it may contain blanks and brackets
    return fields[0], fields[19]


LEASE_S = 30.0
"""A lease expires after this time without renewal, if its holder's process can't be checked."""
_MAX_TOKEN = 1 << 62
"""Upper bound of a token."""


class EventLog(EventStore, Protocol):
    """An event log with leases, a list of runs, and requests to stop."""

    def lease(self, run: str) -> AbstractAsyncContextManager[int]:
        """Hold the lease of a run within the context; yield the token for `append`. Raises LeaseHeld."""

    async def holder(self, run: str) -> str | None:
        """Describe the living process that holds a run; None if there is none."""

    async def request_stop(self, run: str, who: str) -> None:
        """Request the present holder of a run to stop it; a later holder isn't affected."""

    async def runs(self, *, limit: int | None = None) -> list[RunSummary]:
        """Return the runs with events, newest first; a damaged run hides no other. Raises LogDamaged."""

    async def resolve(self, prefix: str) -> str:
        """Return the only run whose id starts with `prefix`. Raises UsageError if none or several do."""


@asynccontextmanager
async def hold_lease(database: Database, run: str, *, lease_s: float = LEASE_S) -> AsyncIterator[int]:
    """Hold the lease of a run within the context and renew it in the background; yield its token."""
    token = _take(database, run, lease_s)
    heartbeat = asyncio.create_task(_renew_until_lost(database, run, token, lease_s))
    try:
        yield token
    finally:
        heartbeat.cancel()
        await asyncio.wait([heartbeat])
        with contextlib.suppress(MachineError):  # the lease also expires by itself
            _set_expiry(database, run, token, 0.0)


def _take(database: Database, run: str, lease_s: float) -> int:
    owner = LeaseOwner.current()
    with database.transaction(durable=False) as connection:
        now = (
            time.time()
        )  # after the wait for the transaction, in which another holder may have renewed its lease
        token, holder = holder_of(database, connection, run, lease_s)
        if holder is not None:
            raise LeaseHeld(holder.words(run))
        connection.execute(
            "INSERT INTO run VALUES (:run, 0, :token, :expires, :host, :namespace, :pid, :started) "
            "ON CONFLICT (run) DO UPDATE SET token = :token, expires = :expires, host = :host, "
            "namespace = :namespace, pid = :pid, started = :started",
            {"run": run, "token": token + 1, "expires": now + lease_s, **asdict(owner)},
        )
    return token + 1


def holder_of(
    database: Database, connection: sqlite3.Connection, run: str, lease_s: float
) -> tuple[int, LeaseOwner | None]:
    """Return the token of a run's latest lease, and its holder. Raises LogDamaged if the row is invalid."""
    row = connection.execute(
        "SELECT token, expires, host, namespace, pid, started FROM run WHERE run = ?", (run,)
    ).fetchone()
    if row is None:
        return 0, None
    token, expires, *columns = row
    try:
        owner = LeaseOwner.read(columns)
    except ValueError as error:
        raise database.damaged(f"the lease of {run} can't be read") from error
    # A column of SQLite may have any type; a token grows by one.
    if not isinstance(token, int) or not 0 <= token < _MAX_TOKEN or not isinstance(expires, float):
        raise database.damaged(f"the lease of {run} can't be read")
    # After the clock was set back, a lease lasts at most twice its time, since its holder may be alive.
    now = time.time()
    is_held = now < expires <= now + 2 * lease_s and not owner.died()
    return token, owner if is_held else None


async def _renew_until_lost(database: Database, run: str, token: int, lease_s: float) -> None:
    while True:
        await asyncio.sleep(lease_s / 3)
        with contextlib.suppress(MachineError):  # the next append raises the same error to its caller
            if not _set_expiry(database, run, token, time.time() + lease_s):
                return


def _set_expiry(database: Database, run: str, token: int, expires: float) -> bool:
    with database.transaction(durable=False) as connection:
        cursor = connection.execute(
            "UPDATE run SET expires = ? WHERE run = ? AND token = ?", (expires, run, token)
        )
    return cursor.rowcount == 1
