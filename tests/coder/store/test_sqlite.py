"""The log in SQLite: private, durable, and plain about what is wrong with its file."""

import asyncio
import os
import signal
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from coder.base.errors import LogDamaged, LogNewer, MachineError
from coder.run.events import Draft, Event
from coder.store import SqliteLog
from coder.store.database import Database
from coder.store.event_codec import BLOB_BYTES
from tests.forked import become_nobody, limit_files, said_by_child
from tests.less_machine import run_on_small_disk

HELLO = Draft(type="hello", body={"text": "hi"})
LONG = "é" * BLOB_BYTES


async def test_events_are_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    written = await _written(tmp_path, HELLO, HELLO)

    with SqliteLog(tmp_path) as log:
        assert await log.read("run_a") == written


async def test_only_the_user_can_enter_the_folder_and_read_the_files(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "home") as log:
        async with log.lease("run_a") as token:
            await log.append("run_a", [Draft(type="t", body={"long": LONG})], after=0, token=token)

        paths = [tmp_path / "home", *(tmp_path / "home").rglob("*")]

        assert len(paths) >= 6
        for path in paths:
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


TEXTS = ["", LONG, "\ud800", "\0"]
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text() | st.just(LONG),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=3), st.sampled_from(TEXTS))
@example({}, "\ud800" * 70_000)
async def test_any_body_comes_back_as_it_was_with_or_without_blobs(
    tmp_path_factory: pytest.TempPathFactory, body: dict[str, Any], text: str
) -> None:
    folder = tmp_path_factory.mktemp("log")
    draft = Draft(type="t", body={**body, "text": text, "names": {"blob": ["0" * 64, text]}})

    (event,) = await _written(folder, draft)

    assert event.body == draft.body
    assert await _read(folder) == [event]


async def test_a_string_just_over_the_limit_is_a_blob_and_one_at_the_limit_is_not(tmp_path: Path) -> None:
    at, over = "x" * BLOB_BYTES, "x" * (BLOB_BYTES + 1)

    await _written(
        tmp_path, Draft(type="t", body={"at": at, "over": over}), Draft(type="t", body={"again": over})
    )

    (blob,) = (tmp_path / "events/blobs").iterdir()
    assert blob.read_text() == over


@pytest.mark.parametrize(
    "harm", [lambda b: b.unlink(), lambda b: b.write_bytes(b"x")], ids=["gone", "changed"]
)
async def test_a_blob_that_is_gone_or_changed_is_a_damaged_log(
    tmp_path: Path, harm: Callable[[Path], object]
) -> None:
    await _written(tmp_path, Draft(type="t", body={"long": LONG}))
    (blob,) = (tmp_path / "events/blobs").iterdir()

    harm(blob)

    with pytest.raises(LogDamaged, match=blob.name):
        await _read(tmp_path)


@pytest.mark.parametrize(
    "harm", [lambda whole: whole[:100], lambda whole: b"?" + whole[1:]], ids=["half written", "changed"]
)
async def test_a_blob_that_a_crash_or_a_disk_has_damaged_is_written_anew(
    tmp_path: Path, harm: Callable[[bytes], bytes]
) -> None:
    await _written(tmp_path, Draft(type="t", body={"long": LONG}))
    (blob,) = (tmp_path / "events/blobs").iterdir()
    blob.write_bytes(harm(blob.read_bytes()))

    await _written(tmp_path, Draft(type="t", body={"long": LONG}), run="run_b")

    assert (await _read(tmp_path))[0].body == {"long": LONG}


@pytest.mark.parametrize(
    "content",
    [b"garbage " * 1000, b"SQLite format 3\0" + b"\xff" * 4000, b"{}", b""],
    ids=["garbage", "broken header", "short", "empty"],
)
def test_a_file_that_is_no_database_is_named_and_left_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "events/events.sqlite"
    path.parent.mkdir()
    path.write_bytes(content)

    with pytest.raises(LogDamaged, match=f"mv {path.parent} {path.parent}.damaged"):
        SqliteLog(tmp_path)

    assert path.read_bytes() == content
    assert [p.name for p in path.parent.iterdir()] == ["events.sqlite"]


async def test_a_file_that_was_cut_off_is_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    await _written(tmp_path, *[Draft(type="t", body={"text": "x" * 5000})] * 20)
    path = tmp_path / "events/events.sqlite"
    cut = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(cut)

    with pytest.raises(LogDamaged, match="Move it aside"):
        await _read(tmp_path)

    assert path.read_bytes() == cut


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("DELETE FROM event WHERE seq = 2", "events of run_a are missing"),
        ("DELETE FROM event WHERE seq = 3", "events of run_a are missing"),
        ("DELETE FROM event", "events of run_a are missing"),
        ("UPDATE event SET body = '{\"text\": ' WHERE seq = 2", "event 2 of run_a"),
        ("UPDATE event SET body = '[]' WHERE seq = 2", "event 2 of run_a"),
        ("UPDATE event SET body = x'ff' WHERE seq = 2", "event 2 of run_a"),
        ("UPDATE event SET body = replace(hex(zeroblob(50000)), '0', '[') WHERE seq = 2", "event 2 of run_a"),
        (
            "UPDATE event SET blobs = replace(hex(zeroblob(50000)), '0', '[') WHERE seq = 2",
            "event 2 of run_a",
        ),
        ("UPDATE run SET last = 1000000000000000", "events of run_a are missing"),
        ("UPDATE run SET last = 'many'", "events of run_a are missing"),
        ("UPDATE run SET last = 2.5", "events of run_a are missing"),
        ("UPDATE event SET body = CAST(x'ff' AS TEXT) WHERE seq = 2", "UTF-8"),
        ('UPDATE event SET blobs = \'[[["no", 1], "x"]]\' WHERE seq = 2', "event 2 of run_a|blob"),
        ("UPDATE event SET version = 'one' WHERE seq = 2", "event 2 of run_a"),
        ("DROP TABLE event", "no such table"),
    ],
)
async def test_events_that_are_missing_or_unreadable_are_said(
    tmp_path: Path, statement: str, what: str
) -> None:
    await _written(tmp_path, HELLO, HELLO, HELLO)
    _execute(tmp_path, statement)

    with pytest.raises(LogDamaged, match=what):
        await _read(tmp_path)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM event WHERE run = 'run_a'", "UPDATE event SET body = '{' WHERE run = 'run_a'"]
)
async def test_a_run_that_is_damaged_does_not_hide_the_others(tmp_path: Path, statement: str) -> None:
    await _written(tmp_path, HELLO, run="run_b")
    await _written(tmp_path, HELLO, HELLO)
    _execute(tmp_path, statement)

    with SqliteLog(tmp_path) as log:
        damaged, whole = await log.runs()

    assert (damaged.run, damaged.first.type, damaged.last.type) == ("run_a", "unreadable", "unreadable")
    assert (whole.run, whole.first.type, whole.first.body) == ("run_b", "hello", HELLO.body)


async def test_a_log_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    await _written(tmp_path, HELLO)
    _execute(tmp_path, "PRAGMA user_version = 99")
    content = (tmp_path / "events/events.sqlite").read_bytes()

    with pytest.raises(LogNewer, match="newer version"):
        SqliteLog(tmp_path)

    assert (tmp_path / "events/events.sqlite").read_bytes() == content


async def test_on_a_full_disk_an_append_says_the_path_and_the_log_stays_readable(tmp_path: Path) -> None:
    before = await _written(tmp_path, HELLO)

    message = said_by_child(
        lambda: asyncio.run(_written(tmp_path, *[Draft(type="t", body={"text": "x" * 9000})] * 20, after=1)),
        prepare=limit_files(60_000),
    )

    assert message.startswith("MachineError: Can't write")
    assert str(tmp_path) in message
    assert await _read(tmp_path) == before


_MAKE_WITH_LESS_AND_LESS_ROOM = """
import os, pathlib, shutil
from coder.base.errors import LogDamaged, MachineError
from coder.store import SqliteLog

disk = pathlib.Path("DISK")
for free in range(0, 120, 4):
    (disk / "filler").write_bytes(bytes((256 - free) << 10))
    try:
        SqliteLog(disk / "home").close()
        made = True
    except LogDamaged:
        raise
    except MachineError:
        made = False
    (disk / "filler").unlink()
    SqliteLog(disk / "home").close()
    shutil.rmtree(disk / "home")
    print(made)
"""


@pytest.mark.slow
def test_on_a_full_disk_a_log_is_made_whole_or_not_at_all(tmp_path: Path) -> None:
    script = _MAKE_WITH_LESS_AND_LESS_ROOM.replace("DISK", str(tmp_path))

    completed = run_on_small_disk(tmp_path, 256 << 10, sys.executable, "-c", script)

    assert completed.returncode == 0, completed.stderr
    assert {"True", "False"} == set(completed.stdout.split())


def test_on_a_full_disk_a_blob_says_the_path_and_leaves_nothing_behind(tmp_path: Path) -> None:
    message = said_by_child(
        lambda: asyncio.run(_written(tmp_path, Draft(type="t", body={"text": LONG}))),
        prepare=limit_files(100_000),
    )

    assert message.startswith(f"MachineError: Can't write {tmp_path}/events/blobs/")
    assert list((tmp_path / "events/blobs").iterdir()) == []
    assert asyncio.run(_read(tmp_path)) == []


@pytest.fixture
def read_only() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o555)
        yield Path(folder)
        os.chmod(folder, 0o755)


def test_a_folder_that_cannot_be_written_is_named_with_what_to_set(read_only: Path) -> None:
    message = said_by_child(lambda: SqliteLog(read_only / "home"), prepare=become_nobody)

    assert message.startswith(f"MachineError: Can't write {read_only}/home")
    assert "CODER_HOME" in message


@pytest.mark.parametrize("kind", ["link to none", "link to itself", "folder", "pipe"])
def test_what_is_no_file_in_the_place_of_the_log_is_named_and_nothing_is_made(
    tmp_path: Path, kind: str
) -> None:
    path, target = tmp_path / "events/events.sqlite", tmp_path / "target"
    path.parent.mkdir()
    match kind:
        case "link to none":
            path.symlink_to(target)
        case "link to itself":
            path.symlink_to(path)
        case "folder":
            path.mkdir()
        case _:
            os.mkfifo(path)

    with pytest.raises(MachineError, match=f"{path} is no file, or a link to none"):
        SqliteLog(tmp_path)

    assert not target.exists()


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("mine")

    message = said_by_child(lambda: SqliteLog(tmp_path / "home"))

    assert message.startswith(f"MachineError: Can't write {tmp_path}/home")


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(8))
def test_processes_that_make_the_log_at_the_same_time_share_one(tmp_path: Path, attempt: int) -> None:
    gate_in, gate_out = os.pipe()

    def make(number: int) -> None:
        os.close(gate_out)
        os.read(gate_in, 1)  # EOF opens the gate
        asyncio.run(_written(tmp_path, HELLO, run=f"run_{number}"))

    children = [_fork(lambda n=n: make(n)) for n in range(6)]
    os.close(gate_in)
    os.close(gate_out)

    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
    assert len(asyncio.run(_listed(tmp_path))) == 6


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [1, 7, 40])
def test_killed_while_appending_the_log_holds_all_that_was_acknowledged(
    tmp_path: Path, acknowledged: int
) -> None:
    reading, writing = os.pipe()

    async def append_for_ever() -> None:
        with SqliteLog(tmp_path) as log:
            async with log.lease("run_a") as token:
                seq = 0
                while True:
                    draft = Draft(type="t", body={"text": "x" * 3000, "long": LONG})
                    seq = (await log.append("run_a", [draft] * 3, after=seq, token=token))[-1].seq
                    os.write(writing, b".")

    child = _fork(lambda: asyncio.run(append_for_ever()))
    byte_count = 0
    while byte_count < acknowledged:
        byte_count += len(os.read(reading, acknowledged))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.set_blocking(reading, False)
    os.close(writing)
    byte_count += len(os.read(reading, 1 << 16))
    os.close(reading)

    events = asyncio.run(_read(tmp_path))

    assert len(events) >= 3 * byte_count
    assert len(events) % 3 == 0
    (more,) = asyncio.run(_written(tmp_path, HELLO, after=len(events)))
    assert more.seq == len(events) + 1


async def test_a_body_with_unknown_types_and_versions_is_kept(tmp_path: Path) -> None:
    await _written(tmp_path, Draft(type="from.the.future", version=7, body={"a": [1]}))

    (event,) = await _read(tmp_path)

    assert (event.type, event.version, event.body) == ("from.the.future", 7, {"a": [1]})


async def _written(folder: Path, *drafts: Draft, run: str = "run_a", after: int = 0) -> list[Event]:
    with SqliteLog(folder) as log:
        async with log.lease(run) as token:
            return await log.append(run, drafts, after=after, token=token)


async def _read(folder: Path) -> list[Event]:
    with SqliteLog(folder) as log:
        return await log.read("run_a")


async def _listed(folder: Path) -> list[str]:
    with SqliteLog(folder) as log:
        return [summary.run for summary in await log.runs()]


def _execute(folder: Path, statement: str) -> None:
    connection = sqlite3.connect(folder / "events/events.sqlite", isolation_level=None)
    connection.execute(statement)
    connection.close()


def _fork(act: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    return pid


def test_a_log_is_closed_once_a_write_of_another_thread_has_ended(tmp_path: Path) -> None:
    database, writes, may_end = Database(tmp_path), threading.Event(), threading.Event()

    def write() -> None:
        with database.transaction(durable=False):
            writes.set()
            may_end.wait(10)

    writer, closer = threading.Thread(target=write), threading.Thread(target=database.close)
    writer.start()
    writes.wait(10)
    closer.start()
    closer.join(0.2)
    was_open = closer.is_alive()
    may_end.set()
    writer.join(10)
    closer.join(10)

    assert (was_open, closer.is_alive()) == (True, False)
