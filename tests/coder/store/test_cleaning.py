"""Checking and cleaning: harm is named, and no blob that a run refers to is ever removed."""

import asyncio
import os
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coder.base.errors import LogDamaged
from coder.run.events import Draft
from coder.store import SqliteLog
from coder.store.blobs import blob_name
from coder.store.cleaning import check, clean, references, unreferenced
from coder.store.event_codec import BLOB_BYTES
from coder.store.postgres import PostgresLog
from tests.postgres import Server

Log = SqliteLog | PostgresLog


def text_of(number: int) -> str:
    return f"{number:03}" * BLOB_BYTES


def content_of(number: int) -> bytes:
    return text_of(number).encode()


def name_of(number: int) -> str:
    return blob_name(content_of(number))


async def write(log: Log, run: str, *numbers: int) -> None:
    """Append an event that refers to the blobs of these numbers."""
    async with log.lease(run) as token:
        after = len(await log.read(run))
        draft = Draft(type="t", body={"texts": [text_of(number) for number in numbers]})
        await log.append(run, [draft], after=after, token=token)


def names(log: Log) -> set[str]:
    return {entry.name for entry in log.blobs.entries()}


@pytest.fixture(params=["sqlite", "sqlite and folder", "postgres", "postgres and folder"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    kind, _, has_place = request.param.partition(" and ")
    blobs = str(tmp_path / "place") if has_place else None
    if kind == "sqlite":
        with SqliteLog(tmp_path / "home", blobs=blobs) as log:
            yield log
    else:
        server: Server = request.getfixturevalue("postgres")
        with PostgresLog(server.database(), blobs=blobs) as log:
            yield log


async def test_only_blobs_that_no_event_refers_to_are_removed(log: Log) -> None:
    await write(log, "run_a", 1, 2)
    await write(log, "run_a.1", 3)
    for number in (3, 4, 5):
        log.blobs.put(content_of(number))

    planned = unreferenced(log, grace_s=0, now=time.time())
    before = names(log)
    removed = list(clean(log, grace_s=0))

    assert {entry.name for entry in planned} == {name_of(4), name_of(5)}
    assert before - names(log) == {entry.name for entry in removed} == {name_of(4), name_of(5)}
    assert check(log)[1:] == (3, [])
    assert list(clean(log, grace_s=0)) == []


async def test_a_blob_within_the_grace_period_stays(tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log:
        log.blobs.put(content_of(1))
        now = time.time()

        young = list(clean(log, grace_s=60, clock=lambda: now))
        old = list(clean(log, grace_s=60, clock=lambda: now + 120))

    assert (young, [entry.name for entry in old]) == ([], [name_of(1)])


async def test_a_blob_that_an_event_refers_to_meanwhile_stays(log: Log) -> None:
    for number in (1, 2):
        log.blobs.put(content_of(number))
    planned = unreferenced(log, grace_s=0, now=time.time())
    await write(log, "run_a", 1)

    removed = list(clean(log, grace_s=0))

    assert len(planned) == 2
    assert [entry.name for entry in removed] == [name_of(2)]
    assert check(log)[1:] == (1, [])


def test_a_lock_that_the_server_has_ended_keeps_nothing_out(postgres: Server) -> None:
    import psycopg

    url = postgres.database()
    with PostgresLog(url) as log, log.rows.keeping_appends_out() as is_locked:
        before = is_locked()
        with psycopg.connect(url, autocommit=True) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        assert (before, is_locked()) == (True, False)


@pytest.mark.parametrize("harm", ["gone", "truncated"])
async def test_a_check_names_the_run_the_event_and_the_digest(harm: str, tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log:
        await write(log, "run_a", 1)
        await write(log, "run_a", 2, 1)
        blob = tmp_path / "events/blobs" / name_of(2)
        blob.unlink() if harm == "gone" else blob.write_bytes(blob.read_bytes()[:10])

        checked = check(log)

    assert (checked.blobs, [each[:3] for each in checked.harmed]) == (2, [(name_of(2), "run_a", 2)])
    assert name_of(2) in checked.harmed[0].problem


def change(log: SqliteLog, statement: str) -> None:
    connection = sqlite3.connect(log.path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize(
    ("statement", "seq"),
    [
        ("DELETE FROM event WHERE seq = 2", 0),
        ("DELETE FROM event WHERE run = 'run_a'", 0),
        ("UPDATE event SET body = '{' WHERE seq = 2", 2),
        ("UPDATE event SET body = '[]' WHERE seq = 2", 2),
        ("UPDATE event SET blobs = '[[1' WHERE seq = 2", 2),
    ],
)
async def test_a_check_names_what_is_missing_or_unreadable_and_goes_on(
    statement: str, seq: int, tmp_path: Path
) -> None:
    with SqliteLog(tmp_path) as log:
        for run in ("run_a", "run_b"):
            await write(log, run, 1)
            await write(log, run)
        intact = check(log)
        change(log, f"{statement} AND run = 'run_a'" if "WHERE seq" in statement else statement)

        harmed = check(log)

    assert (intact.events, intact.blobs, intact.harmed) == (4, 1, [])
    assert [each[:3] for each in harmed.harmed] == [("", "run_a", seq)]


async def test_what_a_killed_process_left_of_a_blob_is_removed(tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log:
        await write(log, "run_a", 1)
        folder = tmp_path / "events/blobs"
        part = folder / f".{name_of(2)[:40]}.x7_abc9k"
        part.write_bytes(content_of(2)[:10])
        (folder / ".keep").touch()

        younger = list(clean(log, grace_s=0))
        os.utime(part, (0, time.time() - 3700))
        removed = list(clean(log, grace_s=0))

    assert (younger, [each.name for each in removed]) == ([], [part.name])
    assert sorted(path.name for path in folder.iterdir()) == [".keep", name_of(1)]


async def test_nothing_is_removed_if_a_reference_cannot_be_read(tmp_path: Path) -> None:
    with SqliteLog(tmp_path) as log:
        await write(log, "run_a", 1)
        log.blobs.put(content_of(2))
        change(log, "UPDATE event SET blobs = '[[1'")

        with pytest.raises(LogDamaged, match="Event 1 of run_a"):
            list(clean(log, grace_s=0))

        assert names(log) == {name_of(1), name_of(2)}


WRITES = st.lists(
    st.tuples(st.sampled_from(["run_a", "run_b", "run_c"]), st.sets(st.integers(0, 5), max_size=3)),
    min_size=1,
    max_size=8,
)


@pytest.mark.slow
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
@settings(max_examples=25, deadline=None)
@given(before=WRITES, meanwhile=WRITES, orphans=st.sets(st.integers(0, 9)))
def test_no_reference_is_lost_while_others_write_and_clean_without_a_grace_period(
    before: list[tuple[str, set[int]]], meanwhile: list[tuple[str, set[int]]], orphans: set[int]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home, place = Path(folder) / "home", f"{folder}/place"

        def work(writes: list[tuple[str, set[int]]]) -> None:
            with SqliteLog(home, blobs=place) as log:
                for run, numbers in writes:
                    asyncio.run(write(log, run, *sorted(numbers)))

        work(before)
        ended = threading.Event()

        def collect() -> None:
            with SqliteLog(home, blobs=place) as log:
                while not ended.is_set():
                    for number in orphans:
                        log.blobs.put(content_of(number))
                    list(clean(log, grace_s=0))

        collectors = [threading.Thread(target=collect) for _ in range(2)]
        for collector in collectors:
            collector.start()
        try:
            work(meanwhile)
        finally:
            ended.set()
            for collector in collectors:
                collector.join()

        with SqliteLog(home, blobs=place) as log:
            list(clean(log, grace_s=0))
            expected = {name_of(number) for _, numbers in before + meanwhile for number in numbers}
            assert set(references(log.rows)) == expected
            assert names(log) == expected
            assert check(log).harmed == []
            for run in {run for run, _ in before + meanwhile}:
                asyncio.run(log.read(run))
