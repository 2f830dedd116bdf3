"""Long contents in a place of their own: chosen by a setting, found again, refused when they were harmed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coder.base.errors import BlobMissing, LogDamaged, UsageError
from coder.run.events import Draft, Event
from coder.store import EventLog, SqliteLog, open_log
from coder.store.blobs import FolderBlobs, JoinedBlobs
from coder.store.event_codec import BLOB_BYTES
from coder.store.postgres import PostgresLog
from tests.postgres import Server

LONG = Draft(type="t", body={"long": "é" * BLOB_BYTES})


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("CODER_LOG", "CODER_BLOBS"):
        monkeypatch.delenv(name, raising=False)


def files_in(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_file()]


async def write(log: EventLog, run: str = "run_a") -> list[Event]:
    async with log.lease(run) as token:
        return await log.append(run, [LONG], after=0, token=token)


async def test_the_variable_names_the_folder_of_blobs_and_the_events_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODER_BLOBS", str(tmp_path / "place"))

    with open_log() as log:
        written = await write(log)
    with open_log() as log:
        assert await log.read("run_a") == written

    (blob,) = files_in(tmp_path / "place")
    assert blob.parent.parent == tmp_path / "place"
    assert blob.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in files_in(tmp_path / "home")] == ["events.sqlite"]


async def test_the_users_file_names_it_and_the_variable_takes_precedence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config/coder/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[store]\nblobs = "{tmp_path}/by-file"\n')

    with open_log() as log:
        await write(log)
    monkeypatch.setenv("CODER_BLOBS", str(tmp_path / "by-variable"))
    with open_log() as log:
        await write(log, "run_b")

    assert len(files_in(tmp_path / "by-file")) == len(files_in(tmp_path / "by-variable")) == 1


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ("store = 1", "store is no table"),
        ('[store]\nblob = "/x"', "unknown key 'blob'"),
        ("[store]\nblobs = 1", "blobs of .* must be a text"),
        ('[store]\nlog = "postgresql://me:hunter2hunter@h/d"', "has a password"),
        ('[store]\nlog = "postgresql://h/d?user=me&password=hunter2hunter"', "has a password"),
        ('[store]\nlog = "host=h password = hunter2hunter"', "has a password"),
        ('[store]\nlog = "mysql://h/d"', "no address of Postgres"),
        ('[store]\nblobs = "relative"', "an absolute path"),
        ('[store]\nblobs = "ftp://host/x"', "an absolute path"),
    ],
    ids=[
        "no table",
        "unknown",
        "number",
        "password",
        "password beside",
        "password by key",
        "other log",
        "relative",
        "scheme",
    ],
)
def test_a_table_that_cannot_be_used_is_refused_without_its_password(
    tmp_path: Path, table: str, problem: str
) -> None:
    config = tmp_path / "config/coder/config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(table)

    with pytest.raises(UsageError, match=problem) as refusal, open_log():
        pass

    assert "hunter2" not in str(refusal.value)


async def test_blobs_from_before_the_setting_stay_readable(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "home") as log:
        old = await write(log, "run_a")

    with SqliteLog(tmp_path / "home", blobs=str(tmp_path / "place")) as log:
        new = await write(log, "run_b")
        assert (await log.read("run_a"), await log.read("run_b")) == (old, new)

    assert len(files_in(tmp_path / "place")) == len(files_in(tmp_path / "home/events/blobs")) == 1


async def test_a_log_without_its_place_says_which_content_is_missing(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "home", blobs=str(tmp_path / "place")) as log:
        await write(log)
    (blob,) = files_in(tmp_path / "place")

    with SqliteLog(tmp_path / "home") as log, pytest.raises(BlobMissing, match=blob.name):
        await log.read("run_a")


async def test_two_logs_share_no_blob_of_a_place(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with SqliteLog(tmp_path / name, blobs=str(tmp_path / "place")) as log:
            await write(log)

    first, second = files_in(tmp_path / "place")

    assert first.name == second.name
    assert first.parent != second.parent


async def test_a_truncated_or_changed_blob_is_named_with_what_it_is(tmp_path: Path) -> None:
    with SqliteLog(tmp_path / "home", blobs=str(tmp_path / "place")) as log:
        await write(log)
        (blob,) = files_in(tmp_path / "place")
        for content in (blob.read_bytes()[:1000], b"changed"):
            blob.write_bytes(content)
            with pytest.raises(LogDamaged, match=f"{blob.name} is not .*{len(content)} bytes"):
                await log.read("run_a")


class RemovedAtTheWorstMoment(FolderBlobs):
    """A place where a collector removes each new blob once, right after it was stored."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.removed: set[str] = set()

    def put(self, content: bytes) -> str:
        """Store a content; remove it if that was the first time."""
        name = super().put(content)
        if name not in self.removed:
            self.removed.add(name)
            self.remove([name])
        return name


@pytest.fixture(params=["sqlite", "postgres"])
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteLog | PostgresLog]:
    opened = sqlite_at(tmp_path) if request.param == "sqlite" else postgres_of(request, tmp_path)
    with opened as log:
        yield log


@contextmanager
def sqlite_at(folder: Path) -> Iterator[SqliteLog]:
    with SqliteLog(folder / "home", blobs=str(folder / "place")) as log:
        yield log


@contextmanager
def postgres_of(request: pytest.FixtureRequest, folder: Path) -> Iterator[PostgresLog]:
    server: Server = request.getfixturevalue("postgres")
    with PostgresLog(server.database(), blobs=str(folder / "place")) as log:
        yield log


@pytest.mark.usefixtures("starts_something")
async def test_a_blob_that_is_removed_before_its_event_is_stored_again(
    log: SqliteLog | PostgresLog, tmp_path: Path
) -> None:
    place = RemovedAtTheWorstMoment(tmp_path / "other")
    log.blobs = JoinedBlobs(place, FolderBlobs(tmp_path / "none"))

    written = await write(log)

    assert len(place.removed) == 1
    assert await log.read("run_a") == written
