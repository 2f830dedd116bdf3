"""Leases: one process at a time works on a run; after losing its lease it can't write.

The token grows with each holder and every append names it, so that a stale holder is refused. A dead holder
on this machine is replaced at once, any other when its lease expires.
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
from coder.run.events import EventStore
from coder.store.database import Database
from coder.store.run_list import RunSummary


@dataclass(frozen=True, slots=True)
class LeaseOwner:
    """Identity of one process, distinct from any that reuses its pid."""

    host: str
    namespace: str
    """Boot id and pid namespace; empty where the system has none."""
    pid: int
    started: str
    """Clock ticks from boot to the start of the process; empty where the system doesn't say."""

    @classmethod
    def current(cls) -> "LeaseOwner":
        """The calling process."""
        return cls(socket.gethostname(), _namespace(), os.getpid(), _state(os.getpid())[1])

    @classmethod
    def read(cls, columns: Sequence[object]) -> "LeaseOwner":
        """The owner in these columns of a log; `pid` may be text. Raises ValueError: they hold none."""
        match columns:
            case [str(host), str(namespace), int() | str() as number, str(started)]:
                pid = int(number)
                if 0 < pid < 1 << 31:  # of 0 and less, kill means others; of more, nothing
                    return cls(host, namespace, pid, started)
        raise ValueError(f"{columns} are no owner")

    def died(self) -> bool:
        """True when the process has certainly ended; a zombie has ended."""
        if (self.host, self.namespace) != (socket.gethostname(), _namespace()):
            return False
        if os.name != "posix":  # elsewhere os.kill(pid, 0) is no question but a signal
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        state, started = _state(self.pid)
        return state in ("Z", "X") or (bool(started) and started != self.started)

    def words(self, run: str) -> str:
        """Description of the process that holds a run."""
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
    """State letter and start time of a process, from /proc; empty where it can't be read."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "", ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and brackets
    return fields[0], fields[19]


LEASE_S = 30.0
"""A silent holder whose process can't be checked keeps its lease for this long."""
_LARGEST = 1 << 62
"""Of a token."""


class EventLog(EventStore, Protocol):
    """An event log with leases, a list of runs, and a way to ask the holder of one to stop."""

    def lease(self, run: str) -> AbstractAsyncContextManager[int]:
        """Hold a run during the block; yields the token for `append`. Raises LeaseHeld."""

    async def holder(self, run: str) -> str | None:
        """Describe the living process that holds a run."""

    async def request_stop(self, run: str, who: str) -> None:
        """Request the present holder of a run to stop it; a later holder isn't affected."""

    async def runs(self, *, limit: int | None = None) -> list[RunSummary]:
        """Runs with events, newest first; a damaged one hides no other. Raises LogDamaged."""

    async def resolve(self, prefix: str) -> str:
        """The one run whose id starts with this, `run_` or not. Raises UsageError: none or several do."""


@asynccontextmanager
async def hold_lease(database: Database, run: str, *, lease_s: float = LEASE_S) -> AsyncIterator[int]:
    """Hold the lease of a run during the block and renew it in the background; yields its token."""
    token = _take(database, run, lease_s)
    heartbeat = asyncio.create_task(_renew_until_lost(database, run, token, lease_s))
    try:
        yield token
    finally:
        heartbeat.cancel()
        await asyncio.wait([heartbeat])
        with contextlib.suppress(MachineError):  # it ends with its time, too; the block's work is done
            _set_expiry(database, run, token, 0.0)


def _take(database: Database, run: str, lease_s: float) -> int:
    owner = LeaseOwner.current()
    with database.transaction(durable=False) as connection:
        now = time.time()  # not before: to begin waits for others, who may have renewed theirs meanwhile
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
    """Token of a run's latest lease, and its present holder. Raises LogDamaged: the row is invalid."""
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
    # A column of SQLite takes any type; a token grows by one.
    if not isinstance(token, int) or not 0 <= token < _LARGEST or not isinstance(expires, float):
        raise database.damaged(f"the lease of {run} can't be read")
    # After the clock was set back, a lease lasts for twice its time at most: its holder may be alive.
    now = time.time()
    holds = now < expires <= now + 2 * lease_s and not owner.died()
    return token, owner if holds else None


async def _renew_until_lost(database: Database, run: str, token: int, lease_s: float) -> None:
    while True:
        await asyncio.sleep(lease_s / 3)
        with contextlib.suppress(MachineError):  # the next append meets the same fault, where someone can act
            if not _set_expiry(database, run, token, time.time() + lease_s):
                return


def _set_expiry(database: Database, run: str, token: int, expires: float) -> bool:
    with database.transaction(durable=False) as connection:
        changed = connection.execute(
            "UPDATE run SET expires = ? WHERE run = ? AND token = ?", (expires, run, token)
        )
    return changed.rowcount == 1
