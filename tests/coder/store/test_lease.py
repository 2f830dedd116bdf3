"""One process at a time works on a run; a dead one is replaced at once, a stale one is refused."""

import asyncio
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from coder.base.errors import LeaseHeld, LogDamaged
from coder.run.events import Draft
from coder.store import SqliteLog
from coder.store.lease import LEASE_S, LeaseOwner
from tests.forked import limit_files, said_by_child

HELLO = Draft(type="hello", body={})


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with SqliteLog(tmp_path) as log:
        yield log


async def test_another_process_is_refused_and_told_who_works_on_the_run(
    log: SqliteLog, tmp_path: Path
) -> None:
    async with log.lease("run_a"):
        message = await asyncio.to_thread(said_by_child, lambda: asyncio.run(_take(tmp_path)))

    assert message.startswith(f"LeaseHeld: Process {os.getpid()} on {socket.gethostname()} works on run_a.")


async def test_of_two_processes_that_append_to_one_run_one_is_refused(log: SqliteLog, tmp_path: Path) -> None:
    async with log.lease("run_a") as token:
        await log.append("run_a", [HELLO], after=0, token=token)
        message = await asyncio.to_thread(said_by_child, lambda: asyncio.run(_take(tmp_path, append=token)))
        await log.append("run_a", [HELLO], after=1, token=token)

    assert message.startswith("LeaseHeld")
    assert len(await log.read("run_a")) == 2


@pytest.mark.slow
async def test_a_lease_that_was_renewed_while_another_waited_for_the_file_is_kept(
    log: SqliteLog, tmp_path: Path
) -> None:
    async with log.lease("run_a"):
        writing = sqlite3.connect(log.path, isolation_level=None)
        writing.execute("BEGIN IMMEDIATE")
        asking = asyncio.create_task(asyncio.to_thread(asyncio.run, _take(tmp_path)))
        await asyncio.sleep(1.0)  # by then it waits to begin
        writing.execute("UPDATE run SET expires = ?", (time.time() + LEASE_S,))
        writing.execute("COMMIT")
        writing.close()

        with pytest.raises(LeaseHeld):
            await asking


async def test_a_holder_that_was_killed_is_replaced_at_once(log: SqliteLog, tmp_path: Path) -> None:
    await asyncio.to_thread(said_by_child, lambda: asyncio.run(_take(tmp_path, then_die=True)))

    async with log.lease("run_a") as token:
        assert token == 2
        assert await log.append("run_a", [HELLO], after=1, token=token)


async def test_a_holder_elsewhere_is_waited_for_until_its_time_is_over(log: SqliteLog) -> None:
    async with log.lease("run_a"):
        pass
    _set(log, host="elsewhere", expires=time.time() + 20)

    with pytest.raises(LeaseHeld, match="on elsewhere works on run_a"):
        async with log.lease("run_a"):
            pass
    _set(log, expires=time.time() - 1)
    async with log.lease("run_a") as token:
        assert token == 2


async def test_a_lease_from_a_clock_that_ran_ahead_does_not_last_for_ever(log: SqliteLog) -> None:
    async with log.lease("run_a"):
        pass
    _set(log, host="elsewhere", expires=time.time() + 1e6)

    async with log.lease("run_a") as token:
        assert token == 2


async def test_a_lease_outlasts_a_clock_that_is_set_back_by_less_than_its_time(
    log: SqliteLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with log.lease("run_a"):
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now - 1.0)
        with pytest.raises(LeaseHeld):
            async with log.lease("run_a"):
                pass


@pytest.mark.parametrize(
    "change",
    [
        {"token": "many"}, {"token": b"\xff"}, {"token": 2**63 - 1}, {"expires": "soon"}, {"pid": "me"},
        {"pid": 2**62}, {"pid": 0}, {"host": b"\xff"}, {"started": b"1"},
    ],
)  # fmt: skip
async def test_a_lease_of_wrong_types_is_a_damaged_log(log: SqliteLog, change: dict[str, object]) -> None:
    async with log.lease("run_a"):
        pass
    _set(log, **{"expires": time.time() + LEASE_S, **change})

    for ask in (log.lease("run_a").__aenter__(), log.holder("run_a"), log.request_stop("run_a", "me")):
        with pytest.raises(LogDamaged, match="the lease of run_a can't be read"):
            await ask


async def test_who_was_asleep_while_another_took_over_cannot_write_any_more(log: SqliteLog) -> None:
    async with log.lease("run_a") as stale:
        _set(log, expires=0.0)
        async with log.lease("run_a") as token:
            with pytest.raises(LeaseHeld, match="taken over"):
                await log.append("run_a", [HELLO], after=0, token=stale)
            assert await log.append("run_a", [HELLO], after=0, token=token)


async def test_a_stale_holder_that_ends_does_not_end_the_lease_of_the_next(log: SqliteLog) -> None:
    async with log.lease("run_a"):
        _set(log, expires=0.0)
        second = log.lease("run_a")
        await second.__aenter__()
    try:
        with pytest.raises(LeaseHeld):
            async with log.lease("run_a"):
                pass
    finally:
        await second.__aexit__(None, None, None)


async def test_a_lease_is_renewed_while_its_block_lasts(tmp_path: Path) -> None:
    with SqliteLog(tmp_path, lease_s=0.3) as log:
        async with log.lease("run_a"):
            first = _expires(log)
            async with asyncio.timeout(300):
                # Until it is renewed beyond the time that it was given for; a database has no event.
                while _expires(log) <= first + 0.3:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)


async def test_a_lease_is_renewed_after_a_time_in_which_the_file_was_locked(tmp_path: Path) -> None:
    with SqliteLog(tmp_path, lease_s=0.6) as log:
        log._database._connection.execute("PRAGMA busy_timeout=10")  # ms; 10 s are too long for a test
        async with log.lease("run_a"):
            other = sqlite3.connect(log.path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            await asyncio.sleep(0.3)  # one renewal fails
            other.execute("ROLLBACK")
            other.close()
            failed = _expires(log)
            async with asyncio.timeout(300):
                while _expires(log) <= failed:  # noqa: ASYNC110 - a database has no event
                    await asyncio.sleep(0.02)


async def test_an_append_renews_the_lease(log: SqliteLog) -> None:
    async with log.lease("run_a") as token:
        _set(log, expires=1.0)
        await log.append("run_a", [HELLO], after=0, token=token)

        assert _expires(log) > time.time()


def test_what_was_done_counts_when_the_lease_cannot_be_given_back(tmp_path: Path) -> None:
    async def work() -> str:
        with SqliteLog(tmp_path) as log:
            async with log.lease("run_a") as token:
                await log.append("run_a", [HELLO], after=0, token=token)
                limit_files(0)()  # the disk is full from here on
            return "done"

    assert said_by_child(lambda: asyncio.run(work())) == "done"


async def test_a_cancelled_holder_gives_the_lease_back(log: SqliteLog) -> None:
    lease_event = asyncio.Event()

    async def hold() -> None:
        async with log.lease("run_a"):
            lease_event.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hold())
    await lease_event.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async with log.lease("run_a") as token:
        assert token == 2


def test_the_running_process_is_alive() -> None:
    assert not LeaseOwner.current().died()


def test_a_process_that_took_over_the_number_of_a_dead_one_is_not_taken_for_it() -> None:
    assert replace(LeaseOwner.current(), started="1").died()


def test_a_killed_process_that_nobody_has_waited_for_is_dead() -> None:
    child = subprocess.Popen(["sleep", "60"])
    owner = replace(LeaseOwner.current(), pid=child.pid, started=_started(child.pid))
    assert not owner.died()

    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and stays a zombie

    assert owner.died()
    child.wait()
    assert owner.died()


@pytest.mark.parametrize("change", [{"host": "elsewhere"}, {"namespace": "another boot"}])
def test_a_process_that_cannot_be_asked_for_counts_as_alive(change: dict[str, str]) -> None:
    assert not replace(LeaseOwner.current(), started="1", **change).died()


async def _take(folder: Path, *, append: int | None = None, then_die: bool = False) -> None:
    with SqliteLog(folder) as log:
        if append is not None:
            await log.append("run_a", [HELLO], after=0, token=append)
        async with log.lease("run_a") as token:
            if then_die:
                await log.append("run_a", [HELLO], after=0, token=token)
                os.kill(os.getpid(), signal.SIGKILL)


def _set(log: SqliteLog, **values: object) -> None:
    connection = sqlite3.connect(log.path, isolation_level=None)
    for name, value in values.items():
        connection.execute(f"UPDATE run SET {name} = ?", (value,))
    connection.close()


def _expires(log: SqliteLog) -> float:
    connection = sqlite3.connect(log.path)
    (expires,) = connection.execute("SELECT expires FROM run").fetchone()
    connection.close()
    return float(expires)


def _started(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
