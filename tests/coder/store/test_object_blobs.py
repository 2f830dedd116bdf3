"""Blobs in an object store: kept there, and plain about a store that fails. moto's server is the store."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from coder.base.errors import BlobMissing, CoderError, LogDamaged, MachineError, StoreRefused, UsageError
from coder.run.events import Draft, Event
from coder.store import SqliteLog
from coder.store.blobs import blob_name
from coder.store.event_codec import BLOB_BYTES
from coder.store.object_blobs import ObjectBlobs
from coder.store.postgres import PostgresLog
from tests.faulty_endpoint import unused_port
from tests.less_python import run_without
from tests.object_store import BUCKET, SECRET, ObjectStore, few, refusal, silence
from tests.postgres import Server

CONTENT = b"x" * 100_000
LONG = Draft(type="t", body={"long": "é" * BLOB_BYTES})
SHORT = Draft(type="t", body={"text": "hi"})


@pytest.fixture(autouse=True)
def _key(object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in object_store.environ.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def blobs(object_store: ObjectStore) -> ObjectBlobs:
    return ObjectBlobs(object_store.place, "log-a")


async def write(log: SqliteLog | PostgresLog, *drafts: Draft, run: str = "run_a") -> list[Event]:
    async with log.lease(run) as token:
        after = len(await log.read(run))
        return await log.append(run, drafts, after=after, token=token)


@pytest.mark.slow
def test_an_object_that_is_no_blob_is_not_listed(object_store: ObjectStore) -> None:
    outer, inner = (ObjectBlobs(object_store.place, folder) for folder in ("log-b", "log-b/inner"))
    name = outer.put(CONTENT)
    inner.put(CONTENT + b"y")

    assert [entry.name for entry in outer.entries()] == [name]


@pytest.mark.slow
def test_a_blob_is_an_object_named_by_its_digest_until_it_is_removed(
    blobs: ObjectBlobs, object_store: ObjectStore
) -> None:
    name = blobs.put(CONTENT)

    assert name == blob_name(CONTENT)
    assert object_store.keys() == [f"coder/log-a/{name}"]
    assert (blobs.get(name), blobs.has(name)) == (CONTENT, True)
    (entry,) = blobs.entries()
    assert (entry.name, entry.size) == (name, len(CONTENT))
    assert abs(time.time() - (entry.modified or 0)) < 300

    blobs.remove([name, "0" * 64])

    assert (blobs.has(name), list(blobs.entries()), object_store.keys()) == (False, [], [])


@pytest.mark.slow
def test_an_equal_content_is_sent_once_and_a_cut_off_one_again(
    blobs: ObjectBlobs, object_store: ObjectStore
) -> None:
    name = blobs.put(CONTENT)
    blobs.put(CONTENT)
    ObjectBlobs(object_store.place, "log-a").put(CONTENT)
    sent = [request for request in object_store.requests if request.startswith("PUT")]
    object_store.replace(f"coder/log-a/{name}", CONTENT[:100])

    ObjectBlobs(object_store.place, "log-a").put(CONTENT)

    assert len(sent) == 1
    assert blobs.get(name) == CONTENT


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_a_log_with_events_in_a_database_and_blobs_in_a_bucket_is_read_back(
    kind: str, tmp_path: Path, object_store: ObjectStore, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        log: SqliteLog | PostgresLog = SqliteLog(tmp_path, blobs=object_store.place)
    else:
        server: Server = request.getfixturevalue("postgres")
        log = PostgresLog(server.database(), blobs=object_store.place)
    with log:
        written = await write(log, LONG, SHORT, LONG)

        assert await log.read("run_a") == written
        assert (await log.runs())[0].last == written[-1]
        assert [blob.name for blob in log.blobs.entries()] == [blob_name(LONG.body["long"].encode())]
    assert len(object_store.keys()) == 1


@pytest.mark.slow
def test_a_store_that_fails_for_a_moment_is_asked_again(
    blobs: ObjectBlobs, object_store: ObjectStore
) -> None:
    object_store.fault = few(2, refusal("503 Slow Down", "SlowDown"))
    name = blobs.put(CONTENT)
    object_store.fault = few(2, refusal("500 Internal Server Error", "InternalError"))

    assert blobs.get(name) == CONTENT


@pytest.mark.slow
def test_a_store_that_never_answers_ends_the_call_in_time(
    object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    # For its clock, an hour passes with each request.
    clock = SimpleNamespace(monotonic=lambda: 3600.0 * len(object_store.requests))
    monkeypatch.setattr("tenacity.time", clock)
    blobs = ObjectBlobs(object_store.place, "log-a", retry_s=2 * 3600.0, read_timeout_s=0.2)
    released = threading.Event()
    object_store.fault = silence(released)
    try:
        with pytest.raises(MachineError, match=r"can't be used: Read timeout .* AWS_ENDPOINT_URL"):
            blobs.put(CONTENT)
    finally:
        released.set()
    assert 2 <= len(object_store.requests) <= 8


@pytest.mark.slow
async def test_what_a_store_that_is_down_leaves_is_a_whole_log_that_goes_on(
    tmp_path: Path, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with SqliteLog(tmp_path, blobs=object_store.place) as log:
        before = await write(log, LONG, SHORT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused_port()}")
    with SqliteLog(tmp_path, blobs=object_store.place) as log:
        log.blobs = ObjectBlobs(object_store.place, "log-a", retry_s=0.5)
        async with log.lease("run_a") as token:
            with pytest.raises(MachineError, match="Could not connect"):
                await log.append("run_a", [SHORT, LONG], after=2, token=token)
            more = await log.append("run_a", [SHORT], after=2, token=token)

    monkeypatch.setenv("AWS_ENDPOINT_URL", object_store.url)
    with SqliteLog(tmp_path, blobs=object_store.place) as log:
        assert await log.read("run_a") == [*before, *more]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("403 Forbidden", "InvalidAccessKeyId"),
        ("403 Forbidden", "SignatureDoesNotMatch"),
        ("403 Forbidden", "AccessDenied"),
        ("400 Bad Request", "ExpiredToken"),
        ("400 Bad Request", "InvalidToken"),
    ],
    ids=["key", "secret", "rights", "expired", "token"],
)
@pytest.mark.parametrize("act", ["get", "list"])
def test_a_refused_key_has_an_exit_code_of_its_own(
    status: str, code: str, act: str, blobs: ObjectBlobs, object_store: ObjectStore
) -> None:
    object_store.fault = refusal(status, code, f"You sent {SECRET}.")

    with pytest.raises(StoreRefused, match="refuses your key for s3://runs") as refused:
        blobs.get("0" * 64) if act == "get" else list(blobs.entries())

    assert (refused.value.exit_code, len(object_store.requests)) == (10, 1)
    assert SECRET not in str(refused.value)


def test_without_a_key_it_says_which_variables_hold_one(
    blobs: ObjectBlobs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))

    with pytest.raises(StoreRefused, match="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        blobs.put(CONTENT)


def test_a_bucket_that_is_not_there_is_named(object_store: ObjectStore) -> None:
    with pytest.raises(MachineError, match="no bucket 'none'"):
        ObjectBlobs("s3://none/x", "log-a").get("0" * 64)


def test_an_endpoint_that_is_no_address_is_said(blobs: ObjectBlobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "nonsense")

    with pytest.raises(MachineError, match="AWS_ENDPOINT_URL"):
        blobs.get("0" * 64)


Harm = Callable[[ObjectStore, str], object]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("harm", "error", "words"),
    [
        (lambda store, key: store.client.delete_object(Bucket=BUCKET, Key=key), BlobMissing, "there is no"),
        (lambda store, key: store.replace(key, store.content(key)[:999]), LogDamaged, "999 bytes"),
        (lambda store, key: store.replace(key, b"altered"), LogDamaged, "7 bytes"),
    ],
    ids=["missing", "truncated", "altered"],
)
async def test_a_harmed_object_is_named_and_hides_no_other_run(
    harm: Harm, error: type[CoderError], words: str, tmp_path: Path, object_store: ObjectStore
) -> None:
    with SqliteLog(tmp_path, blobs=object_store.place) as log:
        await write(log, LONG)
        other = await write(log, SHORT, run="run_b")
        (key,) = object_store.keys()

        harm(object_store, key)

        with pytest.raises(error, match=words) as excinfo:
            await log.read("run_a")
        assert f"s3://{BUCKET}/{key}" in str(excinfo.value)
        assert await log.read("run_b") == other
        assert [summary.run for summary in await log.runs()] == ["run_b", "run_a"]


@pytest.mark.parametrize(
    "address",
    ["s3://", "s3://UPPER", f"s3://key:{SECRET}@bucket", "s3://b", "s3://bucket/ä", "s3:///x"],
    ids=["none", "upper", "key", "short", "letter", "no bucket"],
)
def test_an_address_that_is_no_bucket_is_refused_without_being_quoted(address: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no address of a bucket") as refused:
        SqliteLog(tmp_path, blobs=address)

    assert SECRET not in str(refused.value)


@pytest.mark.slow
def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path) -> None:
    script = (
        "import os; os.environ['CODER_BLOBS'] = 's3://bucket/x'\n"
        "from coder.store import open_log\nopen_log().__enter__()"
    )

    done = run_without("s3fs", script, tmp_path)

    assert f"-m pip install -e '{Path(__file__).parents[3]}[s3]'" in done.stderr
