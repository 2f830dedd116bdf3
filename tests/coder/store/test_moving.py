"""Moves between stores: nothing is lost whenever they are killed, or removed before all is verified."""

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from coder.base.errors import BlobMissing, LeaseHeld, LogDamaged, UsageError
from coder.run.events import Draft, Event
from coder.store import SqliteLog, open_store
from coder.store.blobs import FolderBlobs, JoinedBlobs
from coder.store.cleaning import check
from coder.store.event_codec import BLOB_BYTES
from coder.store.moving import move, move_blobs
from coder.store.object_blobs import ObjectBlobs
from coder.store.postgres import PostgresLog
from tests.object_store import ObjectStore
from tests.postgres import Server

Log = SqliteLog | PostgresLog
RUNS = ("run_b", "run_a", "run_a.1")
SAME = Draft(type="t", body={"long": "é" * BLOB_BYTES, "odd": "\ud800\0"})


def ignore(*_: object) -> None:
    """Tell nobody."""


async def fill(log: Log) -> None:
    for run in RUNS:
        own = Draft(type="t", body={"text": run * BLOB_BYTES})
        async with log.lease(run) as token:
            await log.append(run, [SAME, Draft(type="s", body={"n": 1}), own], after=0, token=token)


async def contents(log: Log) -> dict[str, list[Event]]:
    return {run: await log.read(run) for run in log.rows.runs()}


def files_in(folder: Path) -> dict[str, bytes]:
    """The blobs of a folder; SQLite's file changes with each lease."""
    blobs = [path for path in folder.rglob("*") if path.is_file() and "sqlite" not in path.name]
    return {str(path): path.read_bytes() for path in blobs}


@pytest.fixture
def addresses(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, tuple[str | Path, str | None]]:
    stores: dict[str, tuple[str | Path, str | None]] = {
        "sqlite": (tmp_path / "one", None),
        "other sqlite": (tmp_path / "two", None),
        "sqlite and folder": (tmp_path / "three", str(tmp_path / "place")),
    }
    parameters = request.node.callspec.params.values()
    if any("postgres" in str(name) for name in parameters):
        server: Server = request.getfixturevalue("postgres")
        stores["postgres"] = (server.database(), None)
    if any("bucket" in str(name) for name in parameters):
        store: ObjectStore = request.getfixturevalue("object_store")
        for name, value in store.environ.items():
            monkeypatch.setenv(name, value)
        stores["postgres and bucket"] = (server.database(), store.place)
    return stores


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("sqlite", "other sqlite"),
        ("sqlite", "postgres"),
        ("postgres", "sqlite and folder"),
        ("sqlite and folder", "postgres and bucket"),
        ("postgres and bucket", "sqlite"),
    ],
    ids=lambda name: name.replace(" ", "_"),
)
async def test_runs_and_blobs_are_in_the_target_as_they_were_and_gone_from_the_source(
    source: str, target: str, addresses: dict[str, tuple[str | Path, str | None]]
) -> None:
    with open_store(*addresses[source]) as old, open_store(*addresses[target]) as new:
        await fill(old)
        before = await contents(old)

        moved = await move(old, new, keep=False, tell=ignore)

        assert (moved.runs, moved.blobs, moved.left) == (3, 4, [])
        assert await contents(new) == before
        assert list(await contents(new)) == [*RUNS]
        assert [summary.run for summary in await new.runs()] == ["run_a", "run_b"]
        assert check(new)[1:] == (4, [])
        assert (old.rows.runs(), list(old.blobs.entries())) == ([], [])
        async with new.lease("run_a") as token:
            await new.append("run_a", [SAME], after=3, token=token)


async def test_a_run_that_goes_on_in_the_target_loses_no_event_to_a_second_move(tmp_path: Path) -> None:
    def go_on(name: str) -> bool:
        if not names:
            with SqliteLog(tmp_path / "two") as other:
                asyncio.run(append(other))
        names.append(name)
        return has(name)

    async def append(log: SqliteLog) -> None:
        async with log.lease("run_b") as token:
            await log.append("run_b", [SAME], after=3, token=token)

    names = list[str]()
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        await move(old, new, keep=True, tell=ignore)
        has, new.blobs.has = new.blobs.has, go_on  # type: ignore[method-assign]

        with pytest.raises(LogDamaged, match="run_b"):
            await move(old, new, keep=False, tell=ignore)

        assert (len(await new.read("run_b")), len(await old.read("run_b"))) == (4, 3)


async def test_a_copy_leaves_the_source_as_it_is(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        before = await contents(old)

        await move(old, new, keep=True, tell=ignore)
        again = await move(old, new, keep=True, tell=ignore)

        assert await contents(old) == await contents(new) == before
        assert (again.runs, check(old)[1:], check(new)[1:]) == (3, (4, []), (4, []))


def killed_at(step: int, work: Callable[[Callable[..., None]], object]) -> bool:
    """Do the work in a child that is killed at a step that it tells; whether it was killed."""
    pid = os.fork()
    if pid == 0:
        remaining_steps = iter(range(step))

        def tell(*_: object) -> None:
            if next(remaining_steps, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)

        try:
            work(tell)
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.mark.slow
def test_a_move_that_is_killed_at_any_step_ends_whole_when_it_is_started_again(tmp_path: Path) -> None:
    step, was_killed = 0, True
    while was_killed:
        one, two = tmp_path / f"one-{step}", tmp_path / f"two-{step}"
        with SqliteLog(one) as log:
            asyncio.run(fill(log))
            before = asyncio.run(contents(log))

        def work(tell: Callable[..., None], one: Path = one, two: Path = two) -> None:
            with SqliteLog(one) as old, SqliteLog(two) as new:
                asyncio.run(move(old, new, keep=False, tell=tell))

        was_killed = killed_at(step, work)
        with SqliteLog(one) as old, SqliteLog(two) as new:
            halfway = asyncio.run(contents(new)) | asyncio.run(contents(old))
            assert halfway == before, step
            asyncio.run(move(old, new, keep=False, tell=ignore))
            assert asyncio.run(contents(new)) == before, step
            assert (old.rows.runs(), list(old.blobs.entries()), check(new)[1:]) == ([], [], (4, [])), step
        step += 1

    assert step > 9


@pytest.mark.parametrize("harm", ["blob", "event"])
async def test_a_source_that_is_damaged_is_left_untouched(harm: str, tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        if harm == "blob":
            sorted((tmp_path / "one/events/blobs").iterdir())[-1].write_bytes(b"changed")
        else:
            connection = sqlite3.connect(old.path, isolation_level=None)
            connection.execute("DELETE FROM event WHERE run = 'run_a.1' AND seq = 2")
            connection.close()
        files = files_in(tmp_path / "one")

        with pytest.raises(LogDamaged):
            await move(old, new, keep=False, tell=ignore)

        assert old.rows.runs() == [*RUNS]
        assert files_in(tmp_path / "one") == files


async def test_a_target_that_is_damaged_on_the_way_is_noticed_before_the_source_is_touched(
    tmp_path: Path,
) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        before = files_in(tmp_path / "one")

        def harm(verb: str, *_: object) -> None:
            if verb == "verify":
                for blob in (tmp_path / "two/events/blobs").iterdir():
                    blob.write_bytes(blob.read_bytes()[:-1] + b"x")

        with pytest.raises(LogDamaged):
            await move(old, new, keep=False, tell=harm)

        assert old.rows.runs() == [*RUNS]
        assert files_in(tmp_path / "one") == before


async def test_a_run_that_goes_on_meanwhile_stays_and_is_moved_the_next_time(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        steps: list[str] = []

        def go_on(verb: str, *_: object) -> None:
            if verb == "verify" and not steps:
                steps.append(verb)
                with SqliteLog(tmp_path / "one") as other:
                    rows = other.rows.read("run_b")
                    extra = ("run_b", 4, 1.0, "s", 1, '{"n":2}', "[]")
                    other.rows.write("run_b", [*rows, extra], lambda: None)

        first = await move(old, new, keep=False, tell=go_on)
        second = await move(old, new, keep=False, tell=ignore)

        assert (first.left, second.left, second.runs) == (["run_b"], [], 1)
        assert [event.seq for event in await new.read("run_b")] == [1, 2, 3, 4]
        assert check(new).harmed == []


async def test_a_run_that_a_process_works_on_is_not_moved(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        async with old.lease("run_a"):
            with pytest.raises(LeaseHeld, match="works on run_a"):
                await move(old, new, keep=False, tell=ignore)

        assert old.rows.runs() == [*RUNS]


async def test_another_run_of_the_same_id_is_refused_and_kept(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        async with new.lease("run_a") as token:
            other = await new.append("run_a", [Draft(type="o", body={})], after=0, token=token)

        with pytest.raises(LogDamaged, match="another run_a"):
            await move(old, new, keep=False, tell=ignore)

        assert await new.read("run_a") == other
        assert old.rows.runs() == [*RUNS]


async def test_blobs_alone_move_to_another_place_and_back(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as log:
        await fill(log)
        before = await contents(log)
        place = FolderBlobs(tmp_path / "place" / log.identity())

        there = move_blobs(log.rows, log.own_blobs, place, keep=False, tell=ignore)

        assert (there.blobs, list(log.own_blobs.entries())) == (4, [])
        with SqliteLog(tmp_path / "one", blobs=str(tmp_path / "place")) as moved:
            assert await contents(moved) == before
        move_blobs(log.rows, place, log.own_blobs, keep=True, tell=ignore)
        assert await contents(log) == before
        assert len(list(place.entries())) == 4


async def test_blobs_that_are_nowhere_stop_a_move_of_blobs_before_anything_is_removed(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as log:
        await fill(log)
        next((tmp_path / "one/events/blobs").iterdir()).unlink()

        with pytest.raises(BlobMissing):
            move_blobs(log.rows, log.own_blobs, FolderBlobs(tmp_path / "place"), keep=False, tell=ignore)

        assert len(list(log.own_blobs.entries())) == 3


async def test_blobs_that_move_onto_themselves_stay_and_a_sentence_says_so(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as log:
        await fill(log)
        before = await contents(log)
        (tmp_path / "link").symlink_to(tmp_path / "one/events")

        for path in ("one/events/blobs", "one/../one/events/./blobs/", "link/blobs"):
            with pytest.raises(UsageError, match="in that place already"):
                move_blobs(log.rows, log.own_blobs, FolderBlobs(tmp_path / path), keep=False, tell=ignore)

        assert await contents(log) == before
        assert len(list(log.own_blobs.entries())) == 4


async def test_a_place_that_no_address_shows_to_be_the_same_is_recognized_by_its_blobs(
    tmp_path: Path,
) -> None:
    class Alias(FolderBlobs):
        """The same folder at an address that tells nothing, as of a second mount."""

        @property
        def places(self) -> dict[str, FolderBlobs]:  # type: ignore[override]
            return {"alias": self}

    with SqliteLog(tmp_path / "one") as log:
        await fill(log)
        files = files_in(tmp_path / "one")

        with pytest.raises(UsageError, match="in that place already"):
            move_blobs(log.rows, log.own_blobs, Alias(tmp_path / "one/events/blobs"), keep=False, tell=ignore)

        assert files_in(tmp_path / "one") == files


async def test_two_logs_that_share_the_place_of_their_blobs_are_not_moved(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        (tmp_path / "two/events/blobs").symlink_to(tmp_path / "one/events/blobs")
        other_place = FolderBlobs(tmp_path / "place")
        new.blobs = JoinedBlobs(other_place, new.own_blobs)

        with pytest.raises(UsageError, match="in that place already"):
            await move(old, new, keep=False, tell=ignore)

        assert (check(old)[1:], old.rows.runs(), new.rows.runs()) == ((4, []), [*RUNS], [])


async def test_a_link_in_the_target_is_replaced_by_the_content_before_the_source_is_removed(
    tmp_path: Path,
) -> None:
    with SqliteLog(tmp_path / "one") as log:
        await fill(log)
        before = await contents(log)
        place = tmp_path / "place" / log.identity()
        place.mkdir(parents=True)
        for blob in (tmp_path / "one/events/blobs").iterdir():
            (place / blob.name).symlink_to(blob)

        move_blobs(log.rows, log.own_blobs, FolderBlobs(place), keep=False, tell=ignore)

        with SqliteLog(tmp_path / "one", blobs=str(tmp_path / "place")) as moved:
            assert await contents(moved) == before


@pytest.mark.slow
def test_a_move_of_blobs_that_is_killed_at_any_step_loses_none(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as log:
        asyncio.run(fill(log))
        before, identity = asyncio.run(contents(log)), log.identity()
    place, step, was_killed = tmp_path / "place", 0, True

    while was_killed:

        def work(tell: Callable[..., None]) -> None:
            with SqliteLog(tmp_path / "one") as log:
                move_blobs(log.rows, log.own_blobs, FolderBlobs(place / identity), keep=False, tell=tell)

        was_killed = killed_at(step, work)
        step += 1
        with SqliteLog(tmp_path / "one", blobs=str(place)) as either:
            assert asyncio.run(contents(either)) == before

    assert step > 6  # each start goes on where the last one was killed
    with SqliteLog(tmp_path / "one") as log:
        assert list(log.own_blobs.entries()) == []


async def test_a_move_says_how_many_blobs_were_there_before(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "one") as old, SqliteLog(tmp_path / "two") as new:
        await fill(old)
        new.own_blobs.put(old.own_blobs.get(next(old.own_blobs.entries()).name))
        place = FolderBlobs(tmp_path / "place")

        first = await move(old, new, keep=True, tell=ignore)
        second = await move(old, new, keep=True, tell=ignore)
        alone = [move_blobs(old.rows, old.own_blobs, place, keep=True, tell=ignore) for _ in range(2)]

    assert [(moved.blobs, moved.present) for moved in (first, second, *alone)] == [
        (4, 1), (4, 4), (4, 0), (4, 4),
    ]  # fmt: skip


@pytest.mark.slow
async def test_every_spelling_of_a_bucket_is_one_place(
    tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in object_store.environ.items():
        monkeypatch.setenv(name, value)
    with SqliteLog(tmp_path / "one", blobs=object_store.place) as log:
        await fill(log)
        place = ObjectBlobs(object_store.place, log.identity())
        keys = object_store.keys()

        for spelling in (
            f"{object_store.place}/",
            object_store.place.replace("/", "//").replace(":////", "://"),
        ):
            other = ObjectBlobs(spelling, log.identity())
            with pytest.raises(UsageError, match="in that place already"):
                move_blobs(log.rows, place, other, keep=False, tell=ignore)

        assert object_store.keys() == keys
